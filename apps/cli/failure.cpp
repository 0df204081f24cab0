// SPDX-License-Identifier: MIT
#include "cli/failure.hpp"

#include "cli/options/quantity.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "io/host_text.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aperto::cli {

namespace {

using std::string;

/// The address that was tried, where the error tells of one: "sala-3 (192.0.2.7)".
string with_address(const string& host, const string& whom) {
    const auto open = whom.find('(');
    const auto close = whom.find(')', open == string::npos ? 0 : open);
    if (open == string::npos || close == string::npos) return host;
    const string address = whom.substr(open + 1, close - open - 1);
    return address == host ? host : host + " (" + address + ")";
}

bool is(const error& cause, std::errc condition) { return cause.code() == condition; }

string connect_reason(const error& cause, duration limit) {
    if (is(cause, std::errc::connection_refused)) return _("connection refused");
    if (is(cause, std::errc::timed_out)) return sentence(_("no answer in {}"), duration_text(limit));
    if (is(cause, std::errc::host_unreachable)) return _("no way to that machine (host unreachable)");
    if (is(cause, std::errc::network_unreachable)) return _("no way to its network (network unreachable)");
    if (is(cause, std::errc::network_down)) return _("the network is down");
    if (is(cause, std::errc::permission_denied) || is(cause, std::errc::operation_not_permitted))
        return _("this machine forbids it (permission denied)");
    if (is(cause, std::errc::connection_reset)) return _("the connection was reset at once");
    return system_reason(cause.code());
}

bool lacks_zone(const error& cause, const string& host) {
    const auto address = endpoint::from_address(host, 0);
    return is(cause, std::errc::invalid_argument) && address && io::lacks_zone(*address);
}

string zone_advice(const string& host) {
    return sentence(
        _("An fe80:: address is valid on one link alone. Add the network interface that leads there, one "
          "that `ip link` shows:\n"
          "--host {}%eth0"),
        host);
}

string connect_advice(const error& cause, std::uint16_t port) {
    if (is(cause, std::errc::connection_refused))
        return sentence(
            _("The machine answered, but nothing listens on that port. Is the server running there?"
              "  aperto serve --port {}"),
            std::to_string(port));
    if (is(cause, std::errc::timed_out))
        return _(
            "The machine may be off, the address wrong, or a firewall on the way drops what we send.\n"
            "To wait longer: --timeout 30s");
    if (is(cause, std::errc::host_unreachable))
        return _(
            "Is that machine on, and on the same network? On one cable or Wi-Fi, compare `ip address` on "
            "both.");
    if (is(cause, std::errc::network_unreachable) || is(cause, std::errc::network_down))
        return _("Is this machine connected? `ip route` shows where it can send.");
    if (is(cause, std::errc::permission_denied) || is(cause, std::errc::operation_not_permitted))
        return _("A firewall or a sandbox on this machine does not let the connection out.");
    return {};
}

failure explain_name(const error& cause, const string& host, int code) {
    if (cause.code() == errc::name_try_again)
        return {
            code, sentence(_("could not look up the name {}: the name service did not answer"), host),
            _("Is this machine connected to a network? An address instead of a name needs no name service:"
              "  --host 192.0.2.7")};
    if (host.starts_with('_'))
        return {code, sentence(_("could not find a service named {}"), host),
                _("`dig SRV NAME` asks the same name service. A service is named as _SERVICE._tcp.DOMAIN.")};
    return {code, sentence(_("could not find a machine named {}"), host),
            _("Is the name spelled right? `getent hosts NAME` asks the same service; an address works "
              "without one:"
              "  --host 192.0.2.7")};
}

bool is_name_error(const error& cause) {
    return cause.code() == errc::name_not_found || cause.code() == errc::name_try_again;
}

}  // namespace

int tell(const failure& told) {
    constexpr std::size_t indent = 7;
    string text = _("error: ");
    text += told.what + "\n";
    std::string_view rest = told.advice;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        text += string(indent, ' ');
        text += rest.substr(0, end);
        text += '\n';
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    text = wrap(text, terminal_columns(STDERR_FILENO), indent);
    std::fflush(stdout);
    std::fputs(text.c_str(), stderr);
    return told.code;
}

string system_reason(const std::error_code& code) {
    string reason = code.message();
    if (reason.size() > 1 && std::islower(static_cast<unsigned char>(reason[1])))
        reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
    return reason;
}

bool is_engine_refused(const error& cause) { return cause.whom() == "io_uring"; }

failure explain_other(const error& cause) {
    if (is_engine_refused(cause))
        return {exit_failed, sentence(_("could not use io_uring: {}"), system_reason(cause.code())),
                _("Without --engine the best that works here is taken; --engine epoll works everywhere.")};
    return {exit_failed, cause.what(), {}};
}

failure explain_connect_to_any(const error& cause) {
    // "any of 2 hosts (sala-3 (192.0.2.7) port 9999: Connection refused; …)", in the words of the library
    const string& whom = cause.whom();
    const auto open = whom.find('(');
    const string each = open == string::npos ? whom : whom.substr(open + 1, whom.rfind(')') - open - 1);
    return {exit_no_connection, sentence(_("could not connect to any of the hosts: {}"), each), ""};
}

failure explain_connect(const error& cause, const string& name, std::uint16_t port, duration limit) {
    const string host = log_safe(name);
    if (is_name_error(cause)) return explain_name(cause, host, exit_no_connection);
    if (is_of_tls(cause)) return explain_tls(cause, host, port);
    if (lacks_zone(cause, name))
        return {exit_no_connection,
                sentence(_("could not connect to {} port {}: {}"), host, std::to_string(port),
                         _("the address lacks its zone")),
                zone_advice(host)};
    return {exit_no_connection,
            sentence(_("could not connect to {} port {}: {}"), with_address(host, cause.whom()),
                     std::to_string(port), connect_reason(cause, limit)),
            connect_advice(cause, port)};
}

failure explain_broken(const error& cause) {
    if (is_of_tls(cause)) return explain_broken_tls(cause);
    if (is(cause, std::errc::connection_reset) || is(cause, std::errc::broken_pipe))
        return {exit_cut_short, _("the reply was cut short: the server broke the connection off (reset)"),
                _("The server may have crashed, or closed without reading all that was sent.")};
    if (is(cause, std::errc::timed_out))
        return {exit_cut_short, _("the reply was cut short: the server fell silent"),
                _("To wait longer: --timeout 30s")};
    if (cause.code() == errc::cut_short)
        return {exit_cut_short, _("the reply was cut short: the server closed in the middle of a message"),
                _("Do both sides use the same --framing?")};
    if (cause.code() == errc::message_too_large)
        return {exit_cut_short, _("the reply was cut short: its message is larger than this program takes"),
                _("Do both sides use the same --framing?")};
    return {exit_cut_short, sentence(_("the reply was cut short: {}"), system_reason(cause.code())), {}};
}

failure last_line_cut_short() {
    return {exit_cut_short, _("the reply was cut short: its last line has no end"),
            _("Do both sides use the same --framing?")};
}

string port_in_use(std::uint16_t port) {
    const auto owner = find_port_owner(port);
    const string number = std::to_string(port);
    if (owner && owner->process != 0)
        return sentence(_("port {} is in use by {} (process {})"), number, owner->command,
                        std::to_string(owner->process));
    if (owner && !owner->user.empty())
        return sentence(_("port {} is in use by a process of the user {}"), number, owner->user);
    return sentence(_("port {} is in use"), number);
}

/// No program holds the port: a server without SO_REUSEADDR was there, and closed a connection first.
failure explain_time_wait(std::uint16_t port, duration left) {
    // A person counts seconds; the last of them has begun.
    const string rest = duration_text(std::chrono::ceil<std::chrono::seconds>(left));
    return {
        exit_no_listen,
        sentence(
            _("could not listen: port {} is not free yet: a connection that ended there is in TIME_WAIT for "
              "another {}"),
            std::to_string(port), rest),
        sentence(
            _("No program holds it. TCP keeps the port that long for segments that are still on their way, "
              "where the server that was there did not set SO_REUSEADDR.\n"
              "Wait {}, or take another port:  aperto serve --port 0  takes any free one."),
            rest)};
}

failure explain_journal(const error& cause, const string& file) {
    const string advice = cause.advice().empty() ? string() : string(_(cause.advice().c_str()));
    return {exit_failed,
            sentence(_("could not use the journal {}: {}"), log_safe(file), system_reason(cause.code())),
            advice};
}

failure explain_listen(const error& cause, const string& name, std::uint16_t port) {
    const string host = log_safe(name);
    const string number = std::to_string(port);
    if (is_engine_refused(cause)) return explain_other(cause);
    if (is_name_error(cause)) return explain_name(cause, host, exit_no_listen);
    if (io::names_unix_socket(name))
        return {
            exit_no_listen, sentence(_("could not listen on {}: {}"), host, system_reason(cause.code())), {}};
    if (const auto left = is(cause, std::errc::address_in_use) && !find_port_owner(port)
                              ? find_time_wait(port)
                              : std::nullopt)
        return explain_time_wait(port, *left);
    if (is(cause, std::errc::address_in_use))
        return {exit_no_listen, sentence(_("could not listen: {}"), port_in_use(port)),
                _("Stop that program, or take another port:  aperto serve --port 0  takes any free one.")};
    if (is(cause, std::errc::permission_denied) && port != 0 && port < 1024)
        return {exit_no_listen, sentence(_("could not listen: port {} is privileged"), number),
                _("Ports below 1024 are for root. Take one from 1024 up:  aperto serve --port 9999")};
    if (is(cause, std::errc::address_not_available))
        return {exit_no_listen, sentence(_("could not listen: {} is not an address of this machine"), host),
                _("`ip address` shows its addresses. Without --host every one of them is served.")};
    if (lacks_zone(cause, name))
        return {exit_no_listen,
                sentence(_("could not listen on {}: {}"), host, _("the address lacks its zone")),
                zone_advice(host)};
    const string where =
        host.empty() ? sentence(_("port {}"), number) : sentence(_("{} port {}"), host, number);
    return {
        exit_no_listen, sentence(_("could not listen on {}: {}"), where, system_reason(cause.code())), {}};
}

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
