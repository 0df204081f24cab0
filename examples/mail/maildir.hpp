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
class folder {
public:
    explicit folder(const std::filesystem::path& path) {
        std::filesystem::create_directories(path);
        descriptor_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor_ < 0) throw std::filesystem::filesystem_error("open", path, failure());
    }
    ~folder() { ::close(descriptor_); }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    operator int() const { return descriptor_; }  // NOLINT(google-explicit-constructor)

private:
    int descriptor_ = -1;
};

class maildir final : public box {
public:
    /// Makes it where it is not there. `host`: this machine's part of the files' names. Throws std::system_error.
    maildir(const std::filesystem::path& path, std::string host)
        : host_(std::move(host)), tmp_(std::make_shared<folder>(path / "tmp")), new_(path / "new") {
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
        file(std::shared_ptr<folder> where, std::string called)
            : tmp(std::move(where)), name(std::move(called)) {}
        file(const file&) = delete;
        file& operator=(const file&) = delete;
        ~file() {
            if (descriptor < 0) return;
            ::close(descriptor);
            if (!kept) ::unlinkat(*tmp, name.c_str(), 0);
        }
        void write() {
            if (descriptor < 0)
                descriptor = ::openat(*tmp, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            if (descriptor < 0) failed = failure();
            for (text rest = part; !failed && !rest.empty();) {
                const ssize_t size = ::write(descriptor, rest.data(), rest.size());
                if (size < 0 && errno != EINTR) failed = failure();
                if (size > 0) rest.remove_prefix(static_cast<std::size_t>(size));
            }
        }

        std::shared_ptr<folder> tmp;
        std::string name;
        std::string part{};
        int descriptor = -1;
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
            aperto::task<> writing = aperto::aside(std::bind_front(&file::write, mine_));
            co_await writing;
            co_return mine_->failed;
        }
        aperto::task<std::error_code> keep(std::string part) override {
            mine_->part = std::move(part);
            auto keeping = disk_.run(mine_);
            co_await keeping;
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
        if ((batch.size() == 1 ? ::fsync((*batch[0])->descriptor) : ::syncfs(*tmp_)) < 0)
            unsynced = failure();
        for (const auto* each : batch) {
            file& one = **each;
            if (!one.failed) one.failed = unsynced;
            if (one.failed) continue;
            one.kept = ::renameat(*tmp_, one.name.c_str(), new_, one.name.c_str()) == 0;
            if (!one.kept) one.failed = failure();
        }
        if (::fsync(new_) == 0) return;
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
    std::shared_ptr<folder> tmp_;  // of letters on their way too, which may be longer than this
    folder new_;
    std::atomic<unsigned> count_ = 0;
    disk disk_{[this](files batch) { keep(batch); }};
};

}  // namespace mail
