// SPDX-License-Identifier: MIT
#include "lab/virtual/guest_root.hpp"

#include "aperto/descriptor.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

namespace aperto::lab {

namespace {

using guest_root::shared;
using guest_root::upper;

/// Before the host's file system lies under the new root, only what the kernel made can be written to.
constexpr const char* scratch = "/tmp";
constexpr const char* new_root = "/tmp/root";
/// The folder that both sides see, as the kernel's own process finds it outside.
constexpr const char* shared_on_host = "/proc/self/cwd/.";
constexpr const char* work = "/tmp/work";

void mount_at(const char* kind, const std::string& place, unsigned long flags = 0,
              const std::string& data = "") {
    check(::mount(kind, place.c_str(), kind, flags, data.c_str()) == 0, place.c_str());
}

}  // namespace

void build_root() {
    mount_at("tmpfs", scratch, 0, "mode=0755");
    for (const char* place : {new_root, shared, upper, work}) {
        check(::mkdir(place, 0755) == 0, place);
    }
    mount_at("hostfs", shared, 0, shared_on_host);
    mount_at("overlay", new_root, 0, std::string("lowerdir=/,upperdir=") + upper + ",workdir=" + work);
    const std::string root = new_root;
    mount_at("proc", root + "/proc");
    mount_at("sysfs", root + "/sys");
    mount_at("devtmpfs", root + "/dev");
    for (const char* place : {"/dev/pts", "/dev/shm"}) {
        ::mkdir((root + place).c_str(), 0755);
    }
    mount_at("devpts", root + "/dev/pts", 0, "mode=0620,ptmxmode=0666");
    mount_at("tmpfs", root + "/dev/shm", 0, "mode=1777");
    ::chmod((root + "/dev/net/tun").c_str(), 0666);
    for (const auto& [name, target] :
         {std::pair{"fd", "/proc/self/fd"}, std::pair{"stdin", "/proc/self/fd/0"},
          std::pair{"stdout", "/proc/self/fd/1"}, std::pair{"stderr", "/proc/self/fd/2"}}) {
        [[maybe_unused]] const int made = ::symlink(target, (root + "/dev/" + name).c_str());
    }
}

void enter_root() {
    check(::chdir(new_root) == 0, new_root);
    check(::mount(".", "/", nullptr, MS_MOVE, nullptr) == 0, "the new root");
    check(::chroot(".") == 0 && ::chdir("/") == 0, "the new root");
}

void take_turns() {
    for (const auto& [name, value] :
         {std::pair{"sched_rt_runtime_us", "-1"}, std::pair{"sched_rr_timeslice_ms", "10"}}) {
        const descriptor file(
            ::open((std::string("/proc/sys/kernel/") + name).c_str(), O_WRONLY | O_CLOEXEC));
        check(file && ::write(file.get(), value, std::strlen(value)) > 0, name);
    }
    const sched_param turn{.sched_priority = 1};
    check(::sched_setscheduler(0, SCHED_RR, &turn) == 0, "SCHED_RR");
    ::prctl(PR_SET_TIMERSLACK, 1UL);
}

}  // namespace aperto::lab
