// SPDX-License-Identifier: MIT
#include "cli/serve/port_owner.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aperto::cli {

namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (true) {
        const auto begin = line.find_first_not_of(' ');
        if (begin == std::string_view::npos) return words;
        const auto end = std::min(line.find(' ', begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        line.remove_prefix(end);
    }
}

template <class Number>
std::optional<Number> number_of(std::string_view text, int base = 10) {
    Number number{};
    const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (failed != std::errc{} || rest != text.data() + text.size()) return {};
    return number;
}

/// The columns of a line whose socket is on `port` of this side, in this state (proc(5)): 1 local address, 3
/// state, 5 timer, 7 user, 9 inode. Empty where it is another's.
std::vector<std::string_view> columns_of(std::string_view line, std::uint16_t port, std::string_view state) {
    auto words = words_of(line);
    if (words.size() < 10 || words[3] != state) return {};
    const auto colon = words[1].find(':');
    if (colon == std::string_view::npos || number_of<std::uint16_t>(words[1].substr(colon + 1), 16) != port)
        return {};
    return words;
}

std::optional<listening_socket> listening_on(std::string_view line, std::uint16_t port) {
    const auto words = columns_of(line, port, "0A");
    if (words.empty()) return {};
    const auto user = number_of<std::uint32_t>(words[7]);
    const auto inode = number_of<std::uint64_t>(words[9]);
    if (!user || !inode) return {};
    return listening_socket{*inode, *user};
}

/// "03:00000F1C" in column 5: the timer of TIME_WAIT, and the clock ticks until it strikes.
std::optional<std::chrono::milliseconds> time_wait_on(std::string_view line, std::uint16_t port) {
    const auto words = columns_of(line, port, "06");
    if (words.empty() || !words[5].starts_with("03:")) return {};
    const auto ticks = number_of<std::uint32_t>(words[5].substr(3), 16);
    const long ticks_a_second = ::sysconf(_SC_CLK_TCK);
    if (!ticks || ticks_a_second <= 0) return {};
    return std::chrono::milliseconds(std::int64_t{*ticks} * 1000 / ticks_a_second);
}

template <class Take>
void for_each_line(std::string_view text, Take take) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        take(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

bool holds_socket(const fs::path& process, const std::string& link) {
    std::error_code failed;
    for (fs::directory_iterator entry(process / "fd", failed), end; !failed && entry != end;
         entry.increment(failed)) {
        std::error_code unreadable;
        if (fs::read_symlink(entry->path(), unreadable) == link) return true;
    }
    return false;
}

void find_process(const listening_socket& socket, port_owner& owner) {
    const std::string link = "socket:[" + std::to_string(socket.inode) + "]";
    std::error_code failed;
    for (fs::directory_iterator entry("/proc", failed), end; !failed && entry != end;
         entry.increment(failed)) {
        const auto process = number_of<int>(entry->path().filename().string());
        if (!process || !holds_socket(entry->path(), link)) continue;
        owner.process = *process;
        owner.command = read_all(entry->path() / "comm");
        // comm is a name that the process chose: no control character of it reaches the terminal.
        std::erase_if(owner.command, [](unsigned char c) { return std::iscntrl(c) != 0; });
        return;
    }
}

std::string user_name(std::uint32_t user) {
    const passwd* entry = ::getpwuid(user);
    return entry ? entry->pw_name : std::to_string(user);
}

}  // namespace

std::vector<listening_socket> find_listening_sockets(std::string_view table, std::uint16_t port) {
    std::vector<listening_socket> found;
    for_each_line(table, [&](std::string_view line) {
        if (const auto socket = listening_on(line, port)) found.push_back(*socket);
    });
    return found;
}

std::optional<std::chrono::milliseconds> time_wait_in(std::string_view table, std::uint16_t port) {
    std::optional<std::chrono::milliseconds> longest;
    for_each_line(table, [&](std::string_view line) {
        if (const auto left = time_wait_on(line, port)) longest = std::max(longest, left);
    });
    return longest;
}

std::optional<std::chrono::milliseconds> find_time_wait(std::uint16_t port) {
    std::optional<std::chrono::milliseconds> longest;
    for (const char* table : {"/proc/net/tcp6", "/proc/net/tcp"})
        longest = std::max(longest, time_wait_in(read_all(table), port));
    return longest;
}

std::optional<port_owner> find_port_owner(std::uint16_t port) {
    for (const char* table : {"/proc/net/tcp6", "/proc/net/tcp"}) {
        const auto sockets = find_listening_sockets(read_all(table), port);
        if (sockets.empty()) continue;
        port_owner owner;
        owner.user = user_name(sockets.front().user);
        find_process(sockets.front(), owner);
        return owner;
    }
    return {};
}

}  // namespace aperto::cli
