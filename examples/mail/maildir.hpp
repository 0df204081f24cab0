// SPDX-License-Identifier: MIT
// A Maildir: a file a letter, written in tmp/, synced, and only then moved to new/, where a reader finds it whole.
#pragma once

#include "letter.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <span>

namespace mail {

/// Of a call of the system that has failed.
inline std::error_code failure() { return {errno, std::generic_category()}; }

/// A folder that is there, or is made.
inline aperto::descriptor folder(const std::filesystem::path& path) {
    std::filesystem::create_directories(path);
    aperto::descriptor opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened) throw std::filesystem::filesystem_error("open", path, failure());
    return opened;
}

class maildir final : public box {
public:
    /// Makes it where it is not there. `host`: this machine's part of the files' names. Throws std::system_error.
    maildir(const std::filesystem::path& path, std::string host)
        : host_(std::move(host)),
          tmp_(std::make_shared<aperto::descriptor>(folder(path / "tmp"))),
          new_(folder(path / "new")) {
        std::filesystem::create_directories(path / "cur");
        const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(36);
        for (const auto& left : std::filesystem::directory_iterator(path / "tmp"))
            if (left.last_write_time() < old) std::filesystem::remove(left);
    }

    std::unique_ptr<letter> begin() override {
        return std::make_unique<sheet>(disk_, std::make_shared<file>(tmp_, unique_name()));
    }

private:
    struct file {
        file(std::shared_ptr<aperto::descriptor> where, std::string called)
            : tmp(std::move(where)), name(std::move(called)) {}
        file(const file&) = delete;
        file& operator=(const file&) = delete;
        ~file() {
            if (open && !kept) ::unlinkat(tmp->get(), name.c_str(), 0);
        }
        void write() {
            constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
            if (!open) open = aperto::descriptor(::openat(tmp->get(), name.c_str(), flags, 0600));
            if (!open) failed = failure();
            for (text rest = part; !failed && !rest.empty();) {
                const ssize_t size = ::write(open.get(), rest.data(), rest.size());
                if (size < 0 && errno != EINTR) failed = failure();
                if (size > 0) rest.remove_prefix(static_cast<std::size_t>(size));
            }
        }

        std::shared_ptr<aperto::descriptor> tmp;
        std::string name;
        std::string part{};
        aperto::descriptor open{};
        bool kept = false;
        std::error_code failed{};
    };
    using files = std::span<std::shared_ptr<file>* const>;
    using disk = aperto::batcher<std::shared_ptr<file>>;

    class sheet final : public letter {
    public:
        sheet(disk& on, std::shared_ptr<file> mine) : disk_(on), mine_(std::move(mine)) {}
        std::string id() const override { return mine_->name; }
        aperto::task<std::error_code> write(std::string part) override {
            mine_->part = std::move(part);
            co_await aperto::aside(std::bind_front(&file::write, mine_));
            co_return mine_->failed;
        }
        aperto::task<std::error_code> keep(std::string part) override {
            mine_->part = std::move(part);
            co_await disk_.run(mine_);
            co_return mine_->failed;
        }

    private:
        disk& disk_;
        std::shared_ptr<file> mine_;
    };

    // [sync]
    /// All that came while the last batch was synced: one sync of the file system for all their bytes, one of the folder
    /// for all their names.
    void keep(files batch) const {
        std::error_code unsynced;
        for (const auto* each : batch)
            (*each)->write();
        if ((batch.size() == 1 ? ::fsync((*batch[0])->open.get()) : ::syncfs(tmp_->get())) < 0)
            unsynced = failure();
        for (const auto* each : batch) {
            file& one = **each;
            if (!one.failed) one.failed = unsynced;
            if (one.failed) continue;
            one.kept = ::renameat(tmp_->get(), one.name.c_str(), new_.get(), one.name.c_str()) == 0;
            if (!one.kept) one.failed = failure();
        }
        if (::fsync(new_.get()) == 0) return;
        unsynced = failure();
        for (const auto* each : batch)
            (*each)->failed = unsynced;
    }
    // [/sync]

    std::string unique_name() {
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        return std::to_string(now.tv_sec) + ".M" + std::to_string(now.tv_nsec / 1000) + "P" +
               std::to_string(::getpid()) + "Q" + std::to_string(++count_) + "." + host_;
    }

    std::string host_;
    std::shared_ptr<aperto::descriptor> tmp_;  // of letters on their way too, which may be longer than this
    aperto::descriptor new_;
    std::atomic<unsigned> count_ = 0;
    disk disk_{[this](files batch) { keep(batch); }};
};

}  // namespace mail
