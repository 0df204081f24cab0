// SPDX-License-Identifier: MIT
// Requests of HTTP/1.1 (RFC 9110, RFC 9112), read strictly, and the heads of answers. The bytes are understood by llhttp, the
// parser of Node.js; what it lets pass and the RFC does not is refused before.
#pragma once

#include <aperto/aperto.hpp>

#include <llhttp/llhttp.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace web {

using text = std::string_view;
using namespace std::chrono_literals;

constexpr std::size_t head_max = 16 * 1024;      ///< bytes; more is 431
constexpr std::size_t fields_max = 100;          ///< the same
constexpr std::uint64_t body_max = 1024 * 1024;  ///< bytes as they come, chunks' frames too; more is 413
constexpr aperto::duration body_deadline = 20s;  ///< for all of it
constexpr text plain = "text/plain; charset=utf-8";
constexpr text html = "text/html; charset=utf-8";

inline bool same(text one, text other) noexcept {
    return one.size() == other.size() && ::strncasecmp(one.data(), other.data(), one.size()) == 0;
}
inline bool is_digit(char each) noexcept { return each >= '0' && each <= '9'; }
/// Whether every byte is a letter, a digit or one of `others`.
inline bool all_of(text bytes, text others) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [others](char each) {
        const auto small = static_cast<char>(each | 32);
        return (small >= 'a' && small <= 'z') || is_digit(each) || others.find(each) != text::npos;
    });
}
inline bool is_token(text bytes) noexcept { return !bytes.empty() && all_of(bytes, "!#$%&'*+-.^_`|~"); }
inline text trim(text bytes) noexcept {
    const std::size_t first = bytes.find_first_not_of(" \t");
    return first == text::npos ? text() : bytes.substr(first, bytes.find_last_not_of(" \t") - first + 1);
}
/// What stands before `end`, which is taken out of `rest` with it; all of it where there is none.
inline text cut(text& rest, text end) noexcept {
    const std::size_t at = rest.find(end);
    const text first = rest.substr(0, at);
    rest.remove_prefix(at == text::npos ? rest.size() : at + end.size());
    return first;
}

/// "Name: value", without CR, LF or NUL in it.
inline bool is_field(text line) noexcept {
    const std::size_t colon = line.find(':');
    return colon != text::npos && is_token(line.substr(0, colon)) &&
           line.find_first_of(text("\r\n\0", 3)) == text::npos;
}
/// All of `digits` as a number; none where it is none. What is larger than any number is the largest.
inline std::optional<std::uint64_t> number(text digits, int base = 10) noexcept {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.begin(), digits.end(), value, base);
    if (digits.empty() || end != digits.end() || failed == std::errc::invalid_argument) return {};
    return failed == std::errc() ? value : UINT64_MAX;
}
/// Lines of "key value".
inline text look_up(text table, const std::string& key) noexcept {
    const std::size_t at = table.find("\n" + key + " ");
    text rest = table.substr(at == text::npos ? table.size() : at + key.size() + 2);
    return cut(rest, "\n");
}

/// A head ends with an empty line. One whose lines end in LF alone ends too, and is refused then (RFC 9112, 2.2).
inline std::optional<std::size_t> head_size(text bytes) noexcept {
    for (std::size_t at = bytes.find('\n'); at < bytes.size(); at = bytes.find('\n', at + 1)) {
        const text rest = bytes.substr(at + 1, 2);
        if (rest.starts_with('\n')) return at + 2;
        if (rest == "\r\n") return at + 3;
    }
    return {};
}

struct request {
    std::string head;                           ///< as it came; what follows is views of it
    text method, target;                        ///< "GET", "/a/b?c"
    text path;                                  ///< the target up to a '?', of whichever form it is
    std::vector<std::pair<text, text>> fields;  ///< in their order
    bool keeps_alive = false;
    bool has_body = false;
    int minor = 1;  ///< of its version, HTTP/1.1

    /// A field's value, the first where there are several; empty where there is none.
    text field(text name) const noexcept {
        for (const auto& [each, value] : fields)
            if (same(each, name)) return value;
        return {};
    }
    std::ptrdiff_t count(text name) const noexcept {
        return std::count_if(fields.begin(), fields.end(),
                             [name](const auto& each) { return same(each.first, name); });
    }
    bool is(text one, text other = {}) const noexcept {
        return method == one || (!other.empty() && method == other);
    }
};

/// Reads the requests of one connection.
class reader {
public:
    reader() = default;
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;

    request now;

    /// A whole head, up to its empty line. Gives 0, or the status that it is refused with.
    int parse(text head);

    /// The next request, up to its body. Gives 0; or the status that it is refused with; or -1 where none comes.
    aperto::task<int> next(aperto::stream& peer) {
        forget();
        std::size_t wanted = 1;
        try {
            while (const auto bytes = co_await peer.peek(wanted)) {
                const std::size_t blank = bytes->starts_with("\r\n") ? 2 : 0;  // RFC 9112, 2.2
                if (blank > 0 && bytes->size() == blank) {
                    peer.consume(blank);
                    continue;
                }
                const auto size = head_size(bytes->substr(blank));
                if (size) {
                    const int wrong = parse(bytes->substr(blank, *size));
                    peer.consume(blank + *size);
                    co_return wrong;
                }
                if (bytes->size() > head_max) co_return parse(*bytes);
                wanted = bytes->size() + 1;
            }
        } catch (const aperto::error& failed) {
            if (failed.code() != aperto::errc::deadline) throw;
            co_return wanted > 1 ? 408 : -1;  // who has begun is told; who is idle is let go
        }
        co_return -1;
    }

    /// Takes the body, and drops it. Gives 0 or a status. Chunks (RFC 9112, 7.1) are lines that end in CR LF, and bytes.
    aperto::task<int> drain(aperto::stream& peer) {
        if (!is_chunked_) co_return co_await take(peer, parser_.content_length);
        for (;;) {
            const auto line = co_await peer.read_line(aperto::line_end::crlf);
            const auto size = line ? number(line->substr(0, line->find(';')), 16) : std::nullopt;
            if (!size || line->find_first_of("\r\n") != text::npos) co_return 400;
            if (*size == 0) break;
            aperto::task<int> taking = take(peer, *size);
            if (const int wrong = co_await taking) co_return wrong;
            const auto end = co_await peer.read_exactly(2);
            if (end != "\r\n") co_return 400;
        }
        for (std::size_t lines = 0; lines < fields_max; ++lines) {  // trailers, which change nothing
            const auto line = co_await peer.read_line(aperto::line_end::crlf);
            if (line && line->empty()) co_return 0;
            if (!line || !is_field(*line)) co_return 400;
        }
        co_return 431;
    }
    /// Bytes of the body.
    std::uint64_t body_size() const noexcept { return body_; }

private:
    aperto::task<int> take(aperto::stream& peer, std::uint64_t size) {
        if (size > body_max - body_) co_return 413;
        body_ += size;
        while (size > 0) {
            const auto bytes = co_await peer.peek();
            if (!bytes) co_return 400;
            const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes->size(), size));
            peer.consume(taken);
            size -= taken;
        }
        co_return 0;
    }
    static reader& of(llhttp_t* at) noexcept { return *static_cast<reader*>(at->data); }
    static const llhttp_settings_t& settings() {
        static const llhttp_settings_t all = [] {
            llhttp_settings_t made;
            llhttp_settings_init(&made);
            made.on_header_field = [](llhttp_t* at, const char* bytes, std::size_t size) {
                of(at).now.fields.emplace_back(text(bytes, size), text());
                return 0;
            };
            made.on_header_value = [](llhttp_t* at, const char* bytes, std::size_t size) {
                of(at).now.fields.back().second = trim({bytes, size});
                return 0;
            };
            made.on_headers_complete = [](llhttp_t*) { return static_cast<int>(HPE_PAUSED); };
            return made;
        }();
        return all;
    }
    void forget() noexcept {
        now.method = now.target = now.path = {};
        now.fields.clear();
        now.keeps_alive = now.has_body = is_chunked_ = false;
        now.minor = 1;
        body_ = 0;
    }
    int check() noexcept;
    int check_codings() noexcept;
    int check_lines() noexcept;
    int check_target() noexcept;

    llhttp_t parser_{};
    std::uint64_t body_ = 0;
    bool is_chunked_ = false;
};

/// What the RFC demands of the lines, where parsers like to be generous: each ends in CR LF, and no CR or LF is elsewhere;
/// no line goes on in the next one; nothing is between a name and its colon.
inline int reader::check_lines() noexcept {
    text rest = now.head;
    text version = cut(rest, "\r\n");
    if (rest.find('\t') != text::npos)
        std::replace(now.head.begin() + (rest.data() - now.head.data()), now.head.end(), '\t', ' ');
    now.method = cut(version, " ");
    now.target = cut(version, " ");
    if (!is_token(now.method) || now.target.empty() || version.size() != 8 || !version.starts_with("HTTP/") ||
        version[6] != '.' || !is_digit(version[5]) || !is_digit(version[7]))
        return 400;
    if (version[5] != '1') return 505;
    now.minor = version[7] == '0' ? 0 : 1;
    if (now.minor > 0)
        now.head[static_cast<std::size_t>(&version[7] - now.head.data())] = '1';  // RFC 9110, 2.5
    for (;;) {
        const text line = cut(rest, "\r\n");
        if (line.empty()) return rest.empty() ? 0 : 400;
        if (!is_field(line)) return 400;
    }
}

inline int reader::check_target() noexcept {
    constexpr text of_authority = "-._~!$&'()*+,;=:[]%";
    text rest = now.target;
    if (same(rest.substr(0, 7), "http://") || same(rest.substr(0, 8), "https://")) {
        cut(rest, "://");
        const text authority = rest.substr(0, rest.find_first_of("/?"));
        if (authority.empty() || !all_of(authority, of_authority)) return 400;
        rest.remove_prefix(authority.size());
        if (rest.empty() || rest.front() == '?') rest = "/";
    } else if (rest != "*" && rest.front() != '/') {
        return 400;
    }
    if (!all_of(rest, "-._~!$&'()*+,;=:@/?%[]|\\^\"<>{}`")) return 400;
    if (rest == "*" && !now.is("OPTIONS")) return 400;
    now.path = rest.substr(0, rest.find('?'));
    // RFC 9112, 3.2
    const auto hosts = now.count("Host");
    return hosts > 1 || (hosts == 0 && now.minor > 0) || !all_of(now.field("Host"), of_authority) ? 400 : 0;
}

/// RFC 9112, 6.1: chunked once, as the last; other codings we do not have.
inline int reader::check_codings() noexcept {
    if (now.count("Transfer-Encoding") == 0) return 0;
    if (now.minor == 0 || now.count("Content-Length") > 0) return 400;
    bool others = false;
    for (const auto& [name, value] : now.fields)
        for (text rest = same(name, "Transfer-Encoding") ? value : text(); !rest.empty();) {
            if (is_chunked_) return 400;
            is_chunked_ = same(trim(cut(rest, ",")), "chunked");
            others |= !is_chunked_;
        }
    if (!is_chunked_) return 400;
    return others ? 501 : 0;
}

/// What llhttp does not know of, or lets pass.
inline int reader::check() noexcept {
    if (now.fields.size() > fields_max) return 431;
    if (const int wrong = check_target()) return wrong;
    if (const int wrong = check_codings()) return wrong;
    if (const text expected = now.field("Expect"); !expected.empty() && !same(expected, "100-continue"))
        return 417;
    return parser_.content_length > body_max ? 413 : 0;
}

inline int reader::parse(text head) {
    constexpr std::array<text, 8> known{"GET",    "HEAD",    "POST",    "PUT",
                                        "DELETE", "CONNECT", "OPTIONS", "TRACE"};
    forget();
    if (head.size() > head_max)
        return head.find('\n') >= head_max ? 414 : 431;  // its first line, or the fields
    now.head = head;
    if (const int wrong = check_lines()) return wrong;
    if (std::find(known.begin(), known.end(), now.method) == known.end()) return 501;
    if (now.method == "CONNECT") return 405;
    llhttp_init(&parser_, HTTP_REQUEST, &settings());
    parser_.data = this;
    if (llhttp_execute(&parser_, now.head.data(), now.head.size()) != HPE_PAUSED) return 400;
    now.keeps_alive = llhttp_should_keep_alive(&parser_) != 0;
    const int wrong = check();
    now.has_body = is_chunked_ || parser_.content_length > 0;
    return wrong;
}

// ---- answers

/// The time, as Date and Last-Modified have it (RFC 9110, 5.6.7).
inline std::string http_date(std::time_t when) {
    std::array<char, 32> out{};
    std::tm parts{};
    ::gmtime_r(&when, &parts);
    return {out.data(), std::strftime(out.data(), out.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}
inline const std::string& date_now() {
    thread_local std::pair<std::time_t, std::string> kept;
    const std::time_t now = std::time(nullptr);
    if (kept.first != now) kept = {now, http_date(now)};
    return kept.second;
}

constexpr text reasons = R"(
200 OK
204 No Content
206 Partial Content
301 Moved Permanently
304 Not Modified
400 Bad Request
403 Forbidden
404 Not Found
405 Method Not Allowed
408 Request Timeout
412 Precondition Failed
413 Content Too Large
414 URI Too Long
416 Range Not Satisfiable
417 Expectation Failed
426 Upgrade Required
431 Request Header Fields Too Large
501 Not Implemented
503 Service Unavailable
505 HTTP Version Not Supported
)";

struct answer {
    int status = 200;
    text type = plain;
    std::uint64_t size = 0;  ///< of what follows
    std::string more{};      ///< fields, each "Name: value\r\n"
};
inline std::string to_text(const answer& what, const request& to) {
    std::string out;
    out.reserve(512);
    out.append("HTTP/1.1 ");
    out.append(std::to_string(what.status))
        .append(" ")
        .append(look_up(reasons, std::to_string(what.status)))
        .append("\r\nDate: ")
        .append(date_now());
    if (what.status != 304 && what.status != 204) {
        out.append("\r\nContent-Type: ")
            .append(what.type)
            .append("\r\nContent-Length: ")
            .append(std::to_string(what.size));
        out.append("\r\nX-Content-Type-Options: nosniff");
    }
    if (!to.keeps_alive)
        out.append("\r\nConnection: close");
    else if (to.minor == 0)
        out.append("\r\nConnection: keep-alive");
    return out.append("\r\n").append(what.more).append("\r\n");
}
/// With the body, but for who asked for the head alone.
inline std::string whole(answer what, const request& to, text body) {
    what.size = body.size();
    return to_text(what, to).append(to.is("HEAD") || what.status == 304 || what.status == 204 ? text()
                                                                                              : body);
}
inline std::string failure(int status, const request& to, std::string more = {}) {
    const std::string code = std::to_string(status);
    return whole({.status = status, .more = std::move(more)}, to,
                 code + " " + std::string(look_up(reasons, code)) + "\n");
}

}  // namespace web
