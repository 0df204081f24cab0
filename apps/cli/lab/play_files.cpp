// SPDX-License-Identifier: MIT
#include "cli/lab/play_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace aperto::cli {

namespace fs = std::filesystem;

play_folder::play_folder() {
    path_ = (fs::temp_directory_path() / "aperto-lab-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::system_category(), path_);
}

play_folder::~play_folder() {
    std::error_code failed;
    fs::remove_all(path_, failed);
}

std::string play_folder::path(std::string_view name) const { return path_ + "/" + std::string(name); }

void play_folder::write(std::string_view name, std::string_view text) const {
    std::ofstream file(path(name), std::ios::binary | std::ios::trunc);
    file << text;
    if (!file.flush()) throw std::system_error(EIO, std::system_category(), path(name));
}

void play_folder::take(const std::string& file) const {
    std::error_code missing;
    fs::copy_file(file, path(fs::path(file).filename().string()), missing);
}

std::string make_token() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw std::system_error(errno, std::system_category(), "getrandom");
    std::string out;
    for (const auto one : bytes)
        out += fmt::format("{:02x}", one);
    return out;
}

void open_browser(const play_folder& folder, const std::string& url) {
    const auto is_set = [](const char* name) {
        const char* const value = std::getenv(name);
        return value != nullptr && *value != '\0';
    };
    if (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")) return;
    folder.write("open.html",
                 fmt::format("<!DOCTYPE html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" "
                             "content=\"0;url={}\"><title>aperto lab</title>\n",
                             url));
    const auto page = folder.path("open.html");
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t how{};
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&how);
    for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::posix_spawn_file_actions_addopen(&files, each, "/dev/null", O_RDWR, 0);
    ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);  // Ctrl-C here is not the browser's
    std::array<char*, 3> words{const_cast<char*>("xdg-open"), const_cast<char*>(page.c_str()), nullptr};
    pid_t process = 0;
    ::posix_spawnp(&process, "xdg-open", &files, &how, words.data(),
                   environ);  // without one: the URL is printed
    ::posix_spawnattr_destroy(&how);
    ::posix_spawn_file_actions_destroy(&files);
}

}  // namespace aperto::cli
