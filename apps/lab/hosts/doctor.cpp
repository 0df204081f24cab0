// SPDX-License-Identifier: MIT
#include "core/i18n.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/box.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

namespace aperto::lab {

namespace {

std::string first_line(const char* path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

bool in_container() {
    return ::access("/.dockerenv", F_OK) == 0 || ::access("/run/.containerenv", F_OK) == 0 ||
           ::getenv("container") != nullptr;
}

std::string namespaces_remedy() {
    if (first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
        return _(
            "AppArmor forbids user namespaces to programs without a profile; allow them until the next start "
            "with: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
    }
    if (first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
        return _(
            "this kernel keeps user namespaces for root; allow them with: sudo sysctl -w "
            "kernel.unprivileged_userns_clone=1");
    }
    if (first_line("/proc/sys/user/max_user_namespaces") == "0") {
        return _(
            "no user namespaces are allowed here; allow them with: sudo sysctl -w "
            "user.max_user_namespaces=10000");
    }
    if (in_container()) {
        return _(
            "this container forbids user namespaces; start it with: docker run --security-opt "
            "seccomp=unconfined "
            "--security-opt systempaths=unconfined --device /dev/net/tun …");
    }
    return _("this machine forbids user namespaces; ask its administrator, or run the lab as root");
}

std::string tun_remedy(int error) {
    if (in_container() && (error == ENOENT || error == EPERM)) {
        return _("the container has no TUN device; start it with: docker run --device /dev/net/tun …");
    }
    if (error == ENOENT || error == ENODEV) {
        return _("the kernel's TUN driver is not loaded; load it with: sudo modprobe tun");
    }
    if (error == EACCES || error == EPERM) {
        return _(
            "/dev/net/tun is closed to you; open it until the next start with: sudo chmod 0666 /dev/net/tun");
    }
    return _("the TUN device does not answer; see: ls -l /dev/net/tun");
}

finding examine_kernel() {
    utsname name{};
    ::uname(&name);
    return {_("kernel"), true, fmt::format("{} {}", name.sysname, name.release), {}};
}

finding examine_user() {
    return {_("user"),
            true,
            ::geteuid() == 0 ? std::string(_("root; the lab needs no root"))
                             : fmt::format(fmt::runtime(_("number {}, without privilege")), ::geteuid()),
            {}};
}

finding examine_tun() {
    struct stat status{};
    if (::stat("/dev/net/tun", &status) != 0) {
        return {"/dev/net/tun", false, std::generic_category().message(errno), tun_remedy(errno)};
    }
    const bool open = ::access("/dev/net/tun", R_OK | W_OK) == 0;
    return {"/dev/net/tun", open, fmt::format("{:04o}", status.st_mode & 07777U),
            open ? "" : tun_remedy(EACCES)};
}

finding examine_box() {
    finding out{_("two hosts and a wire"), true, _("made and taken down again"), {}};
    try {
        host_plan plan;
        plan.settings = textbook_settings();
        const box tried(plan, plan);
        if (!tried.missing_settings().empty()) {
            out.seen += fmt::format(fmt::runtime(_("; this kernel has no {}")),
                                    fmt::join(tried.missing_settings(), ", "));
        }
    } catch (const cannot_here& refused) {
        out = {out.what, false, refused.what(), refused.remedy()};
    }
    return out;
}

}  // namespace

std::string remedy_for(const std::string& tried, int error) {
    if (tried.find("user") != std::string::npos || tried.find("setgroups") != std::string::npos ||
        tried.find("group into") != std::string::npos) {
        return namespaces_remedy();
    }
    if (tried.find("/dev/net/tun") != std::string::npos || tried.find("TUN") != std::string::npos) {
        return tun_remedy(error);
    }
    return in_container() ? namespaces_remedy() : _("run: aperto lab doctor");
}

bool hosts_work_here() { return examine_box().good; }

std::vector<finding> examine_machine() {
    return {examine_kernel(), examine_user(), examine_tun(), examine_box()};
}

}  // namespace aperto::lab
