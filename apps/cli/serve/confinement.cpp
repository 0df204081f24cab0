// SPDX-License-Identifier: MIT
#include "cli/serve/confinement.hpp"

#include "aperto/descriptor.hpp"
#include "aperto/error.hpp"
#include "core/sentence.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <memory>

namespace aperto::cli {
namespace {

[[noreturn]] void raise(const char* tried, int code = errno) {
    throw error(std::error_code(code, std::system_category()), tried, {});
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

// ---- capabilities

/// Of the calling thread: those of `kept` at most. Nothing is asked of the kernel where there is nothing to give up, since a
/// service manager's own filter may refuse the question.
void keep_capabilities(std::uint32_t kept) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) != 0) raise("ask for capabilities");
    const bool has_none = (sets[0].permitted & ~kept) == 0 && sets[1].permitted == 0;
    if (has_none && sets[0].effective == (sets[0].permitted & kept)) return;
    const std::uint32_t left = sets[0].permitted & kept;
    sets = {};
    sets[0] = {.effective = left, .permitted = left, .inheritable = 0};
    if (::syscall(SYS_capset, &header, sets.data()) != 0) raise("give capabilities up");
}

// ---- files, ports and signals: Landlock

// Of later versions than this system's header may know (linux/landlock.h).
constexpr std::uint64_t fs_truncate = 1U << 14;       // version 3
constexpr std::uint64_t fs_ioctl_device = 1U << 15;   // version 5
constexpr std::uint64_t net_bind_and_connect = 0b11;  // version 4
constexpr std::uint64_t scope_all = 0b11;             // version 6: abstract Unix sockets, signals

struct ruleset_attributes {
    std::uint64_t files = 0;
    std::uint64_t network = 0;
    std::uint64_t scoped = 0;
};

constexpr std::uint64_t read_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t write_access = read_access | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                       LANDLOCK_ACCESS_FS_REMOVE_FILE | fs_truncate;
constexpr std::uint64_t file_only =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | fs_truncate;

void allow(int rules, const std::string& beneath, std::uint64_t what) {
    const descriptor place(::open(beneath.c_str(), O_PATH | O_CLOEXEC));
    if (!place) raise("open what may be used later");
    struct stat facts{};
    if (::fstat(place.get(), &facts) == 0 && !S_ISDIR(facts.st_mode)) what &= file_only;
    const landlock_path_beneath_attr rule{.allowed_access = what, .parent_fd = place.get()};
    if (::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U) != 0)
        raise("allow what may be used later");
}

/// Gives what the kernel's version lacks.
std::string restrict_files(const confinement& to) {
    const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0) return _("files (no Landlock)");
    ruleset_attributes wanted{.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    if (version >= 2) wanted.files |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3) wanted.files |= fs_truncate;
    if (version >= 5) wanted.files |= fs_ioctl_device;
    if (version >= 4) wanted.network = net_bind_and_connect;
    if (version >= 6) wanted.scoped = scope_all;
    // An older kernel takes the part of the structure that it knows.
    const std::size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    const descriptor rules(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size, 0U)));
    if (!rules) raise("make rules for files");
    for (const std::string& each : to.readable)
        allow(rules.get(), each, read_access);
    for (const std::string& each : to.writable)
        allow(rules.get(), each, write_access & wanted.files);
    for (const std::string& each : to.emptied)
        allow(rules.get(), each, LANDLOCK_ACCESS_FS_REMOVE_FILE);
    if (::syscall(SYS_landlock_restrict_self, rules.get(), 0U) != 0) raise("confine to files");
    if (version < 4) return _("connections to elsewhere (Landlock from before Linux 6.7)");
    return {};
}

// ---- system calls: seccomp

/// What serving was seen to call, on both engines, from after the bind to the end (strace(1)), and what a C library may
/// call in its place. Of files only what a descriptor is used for: which may be opened is Landlock's to say.
constexpr std::array allowed{
    // bytes and clients
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(close),
    SCMP_SYS(fcntl),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendfile),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(dup),
    SCMP_SYS(dup3),
    // engines
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(timerfd_settime),
    // memory, threads, time
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(futex),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(membarrier),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    // signals and the end
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    // files that are open, or that Landlock allows
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(fchmod),
    SCMP_SYS(fdatasync),
    SCMP_SYS(flock),
    SCMP_SYS(fstat),
    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(stat),
    SCMP_SYS(statx),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    // about itself
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpid),
    SCMP_SYS(getrusage),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
};

using filter = std::unique_ptr<void, decltype(&seccomp_release)>;

void check(int result) {
    if (result != 0) raise("make a filter of system calls", -result);
}

/// An argument that has to have a value, in the bits of `mask`.
constexpr scmp_arg_cmp equals(unsigned argument, std::uint64_t value,
                              std::uint64_t mask = ~std::uint64_t{0}) {
    return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

void allow_where(scmp_filter_ctx to, int call, std::initializer_list<scmp_arg_cmp> all) {
    check(seccomp_rule_add_array(to, SCMP_ACT_ALLOW, call, static_cast<unsigned>(all.size()), all.begin()));
}

/// Those of which only some uses are needed.
void allow_in_part(scmp_filter_ctx to) {
    // A thread, but no process. What clone3(2) asks for cannot be looked at: the C library then takes clone(2).
    allow_where(to, SCMP_SYS(clone), {equals(0, CLONE_THREAD, CLONE_THREAD)});
    check(seccomp_rule_add_array(to, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, nullptr));
    constexpr std::uint64_t low_half = 0xFFFFFFFF;
    for (const int request : {TIOCGWINSZ, TCGETS, FIONREAD, SIOCOUTQ})
        allow_where(to, SCMP_SYS(ioctl), {equals(1, static_cast<std::uint64_t>(request), low_half)});
    allow_where(to, SCMP_SYS(prctl), {equals(0, PR_SET_NAME, low_half)});
    // This process's limits may be read, nobody else's, and none be set.
    allow_where(to, SCMP_SYS(prlimit64), {equals(0, 0, low_half), equals(2, 0)});
    allow_where(to, SCMP_SYS(tgkill), {equals(0, static_cast<std::uint64_t>(::getpid()), low_half)});
}

/// Gives what is missing: nothing, or seccomp.
std::string restrict_calls(const confinement& to) {
    if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) return _("system calls (no seccomp)");
    const filter rules(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
    if (!rules) raise("make a filter of system calls", ENOMEM);
    for (const int each : allowed)
        allow_where(rules.get(), each, {});
    allow_in_part(rules.get());
    if (to.relistens) allow_where(rules.get(), SCMP_SYS(listen), {});
    if (const int failed = seccomp_load(rules.get())) raise("filter system calls", -failed);
    return {};
}

}  // namespace

std::optional<account> find_account(const std::string& name) {
    const std::size_t colon = name.find(':');
    const passwd* const found = ::getpwnam(name.substr(0, colon).c_str());
    if (!found) return {};
    account result{.user = found->pw_uid, .group = found->pw_gid};
    if (colon == std::string::npos) return result;
    const struct group* const other = ::getgrnam(name.substr(colon + 1).c_str());
    if (!other) return {};
    result.group = other->gr_gid;
    return result;
}

void become(const account& who) {
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || ::setgroups(0, nullptr) != 0 ||
        ::setresgid(who.group, who.group, who.group) != 0 || ::setresuid(who.user, who.user, who.user) != 0)
        raise("become another user");
    keep_capabilities(1U << CAP_NET_BIND_SERVICE);
}

std::string confine(const confinement& to) {
    if (is_sanitized) return _("everything (a build with a sanitizer)");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) raise("give up new privileges");
    keep_capabilities(0);
    std::string missing = restrict_files(to);
    const std::string calls = restrict_calls(to);
    if (!missing.empty() && !calls.empty()) missing += ", ";
    return missing + calls;
}

namespace {
task<> nothing_more() { co_return; }
}  // namespace

std::string confining::enter() const {
    if (mode_ == confinement_mode::off) return {};
    std::string open = confine(needed_);
    if (mode_ == confinement_mode::required && !open.empty())
        throw error(std::make_error_code(std::errc::operation_not_supported), "confine the server", open,
                    "Without --sandbox required it serves all the same.");
    return open;
}

void confining::enter_quietly() const noexcept {
    try {
        enter();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
        // Said by those that serve.
    }
}

std::function<task<>(background&)> confining::on_workers(std::function<task<>(background&)> next) const {
    return [this, next = std::move(next)](background& here) {
        enter();
        return next ? next(here) : nothing_more();
    };
}

void read_files_ahead() {
    ::tzset();
    static_cast<void>(std::strerror(EPERM));
}

}  // namespace aperto::cli
