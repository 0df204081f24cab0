// SPDX-License-Identifier: MIT
// A folder that nothing leads out of: what is in it, and how a file comes into it. The kernel resolves every name, beneath the folder
// and through no symbolic link (openat2(2)); a file grows beside its place under another name, and is renamed when it is whole.
#pragma once

#include <aperto/aperto.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace files {

using text = std::string_view;

/// What trying again does not mend: the other side is told so, and the next file has its turn.
class refusal : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
    /// Of errno.
    static refusal of_errno(const std::string& tried) { return refusal(tried + ": " + std::strerror(errno)); }
};
/// The bytes that came are not those that were sent.
class wrong_hash : public refusal {
public:
    using refusal::refusal;
};

using aperto::descriptor;
using aperto::open_beneath;

/// What stands in a folder: 'f' a file, 'd' a folder, 'l' what is neither, and is not transferred.
struct entry {
    char kind = 'f';
    std::string path{};  ///< from the folder on, without "/" in front
    unsigned mode = 0;
    std::int64_t time = 0;   ///< of its last change, in nanoseconds since 1970
    std::uint64_t size = 0;  ///< bytes
};
inline entry entry_of(std::string path, const struct stat& about) {
    return {S_ISREG(about.st_mode)   ? 'f'
            : S_ISDIR(about.st_mode) ? 'd'
                                     : 'l',
            std::move(path), about.st_mode & 0777U,
            about.st_mtim.tv_sec * std::int64_t{1'000'000'000} + about.st_mtim.tv_nsec,
            static_cast<std::uint64_t>(about.st_size)};
}

// [names]
constexpr text part_prefix = ".aperto-part-";

/// Whether a name from elsewhere is one: no "..", no "//", nothing absolute, and none of ours.
inline bool is_name(text path) noexcept {
    if (path.empty() || path.size() > 4000 || path.find('\0') != text::npos) return false;
    for (;;) {
        const text part = path.substr(0, path.find('/'));
        if (part.empty() || part == "." || part == ".." || part.starts_with(part_prefix)) return false;
        if (part.size() == path.size()) return true;
        path.remove_prefix(part.size() + 1);
    }
}
// [/names]

/// Opens a folder beneath `root` ("" is `root` itself), made with those above it where it is not there.
inline descriptor make_folder(int root, const std::string& path) {
    constexpr int flags = O_RDONLY | O_DIRECTORY;
    descriptor found = open_beneath(root, path.empty() ? "." : path, flags);
    if (found || errno != ENOENT) return found;
    const std::size_t last = path.rfind('/');
    const descriptor above = make_folder(root, last == std::string::npos ? "" : path.substr(0, last));
    if (!above) return {};
    const std::string name = path.substr(last + 1);
    if (::mkdirat(above.get(), name.c_str(), 0777) != 0 && errno != EEXIST) return {};
    return open_beneath(above.get(), name, flags);
}
inline void set_mode_and_time(int file, const entry& as, const char* what) {
    const timespec changed{as.time / 1'000'000'000, as.time % 1'000'000'000};
    const timespec times[2] = {{0, UTIME_OMIT}, changed};
    if (::fchmod(file, as.mode & 0777U) != 0 || ::futimens(file, times) != 0)
        throw refusal::of_errno(std::string("set mode and time of ") + what);
}
/// The same for a folder, made where it is not there.
inline void put_folder(int root, const entry& as) {
    if (!is_name(as.path)) throw refusal("a name that leads elsewhere");
    const descriptor made = make_folder(root, as.path);
    if (!made) throw refusal::of_errno("make a folder");
    set_mode_and_time(made.get(), as, "a folder");
}

/// Tells of what is at `path` beneath `root` and below it, folders before what is in them.
inline void walk(int root, const std::string& path, const std::function<void(entry)>& tell) {
    std::vector<std::string> folders{path};
    const descriptor first = open_beneath(root, path.empty() ? "." : path, O_RDONLY);
    struct stat about{};
    if (!first || ::fstat(first.get(), &about) != 0) throw refusal::of_errno("open it");
    if (!path.empty()) tell(entry_of(path, about));
    if (!S_ISDIR(about.st_mode)) return;
    while (!folders.empty()) {
        const std::string in = std::move(folders.back());
        folders.pop_back();
        descriptor opened = open_beneath(root, in.empty() ? "." : in, O_RDONLY | O_DIRECTORY);
        const std::unique_ptr<DIR, int (*)(DIR*)> open(::fdopendir(opened.get()), ::closedir);
        if (!open) throw refusal::of_errno("list " + in);
        const int at = opened.release();
        while (const dirent* const each = ::readdir(open.get())) {
            const std::string name = each->d_name;
            if (name == "." || name == ".." || name.starts_with(part_prefix)) continue;
            if (::fstatat(at, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone since
            std::string whole = in;
            if (!in.empty()) whole += '/';
            whole += name;
            if (S_ISDIR(about.st_mode)) folders.push_back(whole);
            tell(entry_of(std::move(whole), about));
        }
    }
}

/// SHA-256 in hexadecimal.
class hasher {
public:
    hasher() : state_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
        if (!state_ || EVP_DigestInit_ex(state_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
    }
    void feed(text bytes) { EVP_DigestUpdate(state_.get(), bytes.data(), bytes.size()); }
    std::string finish() {
        unsigned char digest[32];
        EVP_DigestFinal_ex(state_.get(), digest, nullptr);
        std::string out;
        for (const unsigned char each : digest)
            out.append({"0123456789abcdef"[each / 16], "0123456789abcdef"[each % 16]});
        return out;
    }

private:
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> state_;
};

// [incoming]
/// A file on its way into a folder. Its bytes go to a name of their own, made of its name, size and time: who comes again with the
/// same file goes on where that ends, and another version never meets it.
class incoming {
public:
    /// Throws `refusal`; `aperto::error` where somebody else is at the same file.
    incoming(int root, const entry& what) : what_(what) {
        if (!is_name(what.path)) throw refusal("a name that leads elsewhere");
        if (what.size > std::numeric_limits<off_t>::max()) throw refusal("no file is so large");
        const std::size_t last = what.path.rfind('/');
        name_ = what.path.substr(last + 1);
        folder_ = make_folder(root, last == std::string::npos ? "" : what.path.substr(0, last));
        if (!folder_) throw refusal::of_errno("open the folder");
        struct stat about{};
        if (::fstatat(folder_.get(), name_.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0) {
            if (S_ISDIR(about.st_mode)) throw refusal("a folder is in the file's place");
            const entry there = entry_of("", about);
            is_there_ = there.kind == 'f' && there.size == what.size && there.time == what.time;
            if (is_there_ && there.mode != what.mode)
                ::fchmodat(folder_.get(), name_.c_str(), what.mode & 0777U, 0);
        }
        if (!is_there_) open_part();
    }
    bool is_there() const noexcept { return is_there_; }
    const entry& what() const noexcept { return what_; }
    int file() const noexcept { return part_.get(); }
    /// So many bytes are there.
    std::uint64_t offset() const noexcept { return offset_; }
    void write(text bytes) {
        while (!bytes.empty()) {
            const ssize_t done =
                ::pwrite(part_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_));
            if (done < 0 && errno == EINTR) continue;
            if (done <= 0) throw refusal::of_errno("write");
            bytes.remove_prefix(static_cast<std::size_t>(done));
            offset_ += static_cast<std::uint64_t>(done);
        }
    }
    /// In its place at once, or not at all.
    void finish(const std::string& own_hash, text sent_hash) {
        if (own_hash != sent_hash) {
            ::unlinkat(folder_.get(), part_name_.c_str(), 0);
            throw wrong_hash("what has come is not what was sent (SHA-256)");
        }
        set_mode_and_time(part_.get(), what_, "a file");
        if (::renameat(folder_.get(), part_name_.c_str(), folder_.get(), name_.c_str()) != 0)
            throw refusal::of_errno("rename");
    }

private:
    void open_part() {
        hasher version;
        version.feed(name_ + '/' + std::to_string(what_.size) + '/' + std::to_string(what_.time));
        part_name_ = std::string(part_prefix) + version.finish().substr(0, 32);
        part_ = descriptor(::openat(folder_.get(), part_name_.c_str(),
                                    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
        struct stat about{};
        if (!part_ || ::fstat(part_.get(), &about) != 0) throw refusal::of_errno("make a file");
        if (!S_ISREG(about.st_mode) || about.st_nlink > 1) throw refusal("something is in the part's place");
        if (::flock(part_.get(), LOCK_EX | LOCK_NB) != 0 || !is_still_named(about))
            throw aperto::error(std::make_error_code(std::errc::device_or_resource_busy), "write a file");
        offset_ = static_cast<std::uint64_t>(about.st_size);
        if (offset_ > what_.size && ::ftruncate(part_.get(), 0) == 0) offset_ = 0;
    }
    /// Who had the lock before may have renamed it.
    bool is_still_named(struct stat& about) const noexcept {
        struct stat named{};
        return ::fstat(part_.get(), &about) == 0 &&
               ::fstatat(folder_.get(), part_name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
               named.st_ino == about.st_ino;
    }

    entry what_;
    std::string name_;
    std::string part_name_;
    descriptor folder_;
    descriptor part_;
    std::uint64_t offset_ = 0;
    bool is_there_ = false;
};
// [/incoming]

}  // namespace files
