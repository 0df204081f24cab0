// SPDX-License-Identifier: MIT
#include "lab/hosts/private_files.hpp"

#include "lab/hosts/host_message.hpp"
#include "lab/hosts/rtnetlink.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aperto::lab {

namespace {

/// The folder that is given up for the memory file system. Every Debian has it, and no program of a lab looks
/// into it: it holds kernels.
constexpr const char* own_folder = "/boot";

constexpr const char* host_name = "lab";

void write_file(const std::string& path, std::string_view text, mode_t mode, const char* tried) {
    const descriptor file(
        checked(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode), tried));
    checked(static_cast<int>(::write(file.get(), text.data(), text.size())), tried);
    checked(::fchmod(file.get(), mode), tried);  // whatever the umask
}

std::string hosts_text(bool v6) {
    return fmt::format("127.0.0.1 localhost\n::1 localhost\n{} server {}\n{} client\n",
                       host_address(true, v6).text(), host_name, host_address(false, v6).text());
}

/// The machine's own, but for where hosts are looked up.
std::string nsswitch_text() {
    std::ifstream file("/etc/nsswitch.conf");
    std::string out;
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find_first_not_of(" \t");
        if (first == std::string::npos || line.compare(first, 6, "hosts:") != 0) {
            out += line + "\n";
        }
    }
    return out + "hosts: files\n";
}

/// A file to put over `path`, where there is one.
void put_over(const std::string& folder, const std::string& name, const std::string& text) {
    const auto path = "/etc/" + name;
    if (::access(path.c_str(), F_OK) != 0) {
        return;
    }
    const auto ours = folder + "/" + name;
    write_file(ours, text, 0644, "write the hosts file");
    checked(::mount(ours.c_str(), path.c_str(), nullptr, MS_BIND, nullptr), "put the hosts file in place");
}

std::string quoted_for_a_shell(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

void put_commands(const std::string& folder) {
    const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
    checked(::symlink(self.c_str(), (folder + "/aperto").c_str()), "make the command aperto");
    write_file(folder + "/peer", "#!/bin/sh\nexec " + quoted_for_a_shell(self) + " lab peer \"$@\"\n", 0755,
               "make the command peer");
}

/// nscd answers for every process that finds its socket.
void hide_nscd(const std::string& empty_folder) {
    constexpr const char* nscd = "/run/nscd";
    if (::access(nscd, F_OK) == 0) {
        checked(::mkdir(empty_folder.c_str(), 0755), "make an empty folder");
        checked(::mount(empty_folder.c_str(), nscd, nullptr, MS_BIND, nullptr), "hide nscd");
    }
}

}  // namespace

void put_private_files(bool v6) {
    checked(::sethostname(host_name, std::char_traits<char>::length(host_name)), "set the host name");
    const bool stays = ::access(own_folder, F_OK) == 0;
    const std::string folder = stays ? own_folder : "/tmp";
    checked(::mount("tmpfs", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755"),
            "mount a temporary file system");
    put_over(folder, "hosts", hosts_text(v6));
    put_over(folder, "nsswitch.conf", nsswitch_text());
    hide_nscd(folder + "/empty");
    if (stays) {
        put_commands(folder);
    } else {  // what is bound stays; programs want their /tmp
        checked(::umount2(folder.c_str(), MNT_DETACH), "take the temporary file system away");
    }
}

std::string path_with_own_commands() {
    const char* path = std::getenv("PATH");
    return fmt::format("{}:{}", own_folder, path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
}

}  // namespace aperto::lab
