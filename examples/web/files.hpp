// SPDX-License-Identifier: MIT
// The files of a folder: found by the kernel, which lets no path or link out of it (openat2(2), RESOLVE_BENEATH), told apart by
// ETag and date, whole or in part, and sent by the kernel (sendfile(2)).
#pragma once

#include "http.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <memory>

namespace web {

constexpr std::size_t small_max = 16 * 1024;  ///< bytes of a file that goes out with its head
constexpr std::size_t listed_max = 10'000;    ///< names in a listing

/// What `path` names under the folder `root`; links lead somewhere as long as that is under it too.
inline aperto::descriptor beneath(int root, const std::string& path) noexcept {
    return aperto::open_beneath(root, path, O_RDONLY, aperto::links::followed);
}
inline int status_of(int failed) noexcept {
    if (failed == EACCES || failed == EPERM) return 403;
    return failed == EMFILE || failed == ENFILE || failed == ENOMEM ? 503 : 404;
}

/// "%41" is "A"; none where it is no such thing, or a NUL.
inline std::optional<std::string> decode(text coded) {
    std::string out;
    while (!coded.empty()) {
        if (coded[0] != '%') {
            out += coded[0];
            coded.remove_prefix(1);
            continue;
        }
        const auto value = number(coded.substr(1, 2), 16);
        if (coded.size() < 3 || !value || *value == 0) return {};
        out += static_cast<char>(*value);
        coded.remove_prefix(3);
    }
    return out;
}
inline std::string encode(text name) {
    constexpr text digits = "0123456789ABCDEF";
    std::string out;
    for (const char each : name) {
        const auto byte = static_cast<unsigned char>(each);
        if (all_of({&each, 1}, "-._~"))
            out += each;
        else
            out.append({'%', digits[byte / 16], digits[byte % 16]});
    }
    return out;
}

constexpr text types = R"(
css text/css; charset=utf-8
gif image/gif
html text/html; charset=utf-8
ico image/vnd.microsoft.icon
jpeg image/jpeg
jpg image/jpeg
js text/javascript; charset=utf-8
json application/json
md text/plain; charset=utf-8
mjs text/javascript; charset=utf-8
mp3 audio/mpeg
mp4 video/mp4
pdf application/pdf
png image/png
svg image/svg+xml
txt text/plain; charset=utf-8
wasm application/wasm
webp image/webp
woff2 font/woff2
xml application/xml
)";
inline text type_of(text name) {
    std::string end(name.substr(name.rfind('.') + 1));
    std::transform(end.begin(), end.end(), end.begin(),
                   [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
    const text found = look_up(types, end);
    return found.empty() ? text("application/octet-stream") : found;
}

// ---- which of it, and whether at all (RFC 9110, 13 and 14)

struct version {
    std::string etag;
    std::time_t modified;
    std::string date;
};
inline version version_of(const struct stat& about) {
    std::array<char, 64> etag{};
    const int size = std::snprintf(
        etag.data(), etag.size(), "\"%llx-%llx-%lx\"", static_cast<unsigned long long>(about.st_size),
        static_cast<unsigned long long>(about.st_mtim.tv_sec), about.st_mtim.tv_nsec);
    return {
        {etag.data(), static_cast<std::size_t>(size)}, about.st_mtim.tv_sec, http_date(about.st_mtim.tv_sec)};
}
/// Whether a list names it. A weak tag ("W/") is one where `weak` says so.
inline bool names(text list, const std::string& etag, bool weak) noexcept {
    if (trim(list) == "*") return true;
    while (!list.empty()) {
        text each = trim(cut(list, ","));
        if (weak && each.starts_with("W/")) each.remove_prefix(2);
        if (each == etag) return true;
    }
    return false;
}
/// A date in any of the three forms that HTTP has known; none where it is none.
inline std::optional<std::time_t> parse_date(text given) {
    for (const char* const form :
         {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
        std::tm parts{};
        const std::string date(given);
        const char* const end = ::strptime(date.c_str(), form, &parts);
        if (end && *end == '\0') return ::timegm(&parts);
    }
    return {};
}
/// 200, 304 or 412: RFC 9110, 13.2.2.
inline int judge(const request& asked, const version& has) {
    if (const text wanted = asked.field("If-Match"); !wanted.empty()) {
        if (!names(wanted, has.etag, false)) return 412;
    } else if (const auto since = parse_date(asked.field("If-Unmodified-Since"));
               since && has.modified > *since) {
        return 412;
    }
    if (const text known = asked.field("If-None-Match"); !known.empty())
        return names(known, has.etag, true) ? 304 : 200;
    const auto since = parse_date(asked.field("If-Modified-Since"));
    return since && has.modified <= *since ? 304 : 200;
}

struct part {
    std::uint64_t first = 0, size = 0;
};
/// One range of bytes, none where all of it is to be sent: also where several ranges are asked for, or what is asked for is no
/// range (RFC 9110, 14.2). Of size 0 where it lies behind the end.
inline std::optional<part> part_of(const request& asked, const version& has, std::uint64_t size) {
    text range = asked.field("Range");
    const text still = asked.field("If-Range");
    // A date tells of one version only where a second has passed since (RFC 9110, 8.8.2.2).
    const bool is_still =
        still.empty() || still == has.etag || (still == has.date && has.modified + 1 < std::time(nullptr));
    if (!asked.is("GET") || !same(range.substr(0, 6), "bytes=") || !is_still) return {};
    range = trim(range.substr(6));
    const text first = cut(range, "-");
    const auto from = number(first), to = number(range);
    if (first.empty() && to) {
        const std::uint64_t last = std::min(*to, size);
        return part{size - last, last};
    }
    if (!from || (!to && !range.empty()) || (to && *to < *from)) return {};
    if (*from >= size) return part{};
    return part{*from, std::min(to.value_or(UINT64_MAX - 1), size - 1) - *from + 1};
}

// ---- answers

/// What is in a folder, as a page.
inline std::string list(const aperto::descriptor& folder, text path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> open(::fdopendir(::dup(folder.get())), ::closedir);
    std::vector<std::string> all;
    while (const dirent* const each = open ? ::readdir(open.get()) : nullptr) {
        if (each->d_name[0] == '.' || all.size() == listed_max) continue;
        all.emplace_back(each->d_name).append(each->d_type == DT_DIR ? "/" : "");
    }
    std::sort(all.begin(), all.end());
    const auto escaped = [](text raw) {
        std::string out;
        for (const char each : raw)
            out.append(each == '<'   ? text("&lt;")
                       : each == '&' ? text("&amp;")
                       : each == '"' ? text("&quot;")
                                     : text(&each, 1));
        return out;
    };
    const std::string title = escaped(path);
    std::string page =
        "<!doctype html><meta charset=utf-8><title>/" + title + "</title><h1>/" + title + "</h1><ul>\n";
    if (!path.empty()) page += "<li><a href=\"../\">../</a>\n";
    for (const std::string& each : all) {
        const bool is_folder = each.ends_with('/');
        page.append("<li><a href=\"./").append(encode(text(each).substr(0, each.size() - is_folder)));
        page.append(is_folder ? "/" : "").append("\">").append(escaped(each)).append("</a>\n");
    }
    return page + "</ul>\n";
}

inline aperto::task<> give_file(aperto::stream& peer, const request& asked, const aperto::descriptor& file,
                                const struct stat& about, text type) {
    const auto size = static_cast<std::uint64_t>(about.st_size);
    const version has = version_of(about);
    answer what{.status = judge(asked, has), .type = type, .size = size};
    what.more = "ETag: " + has.etag + "\r\nLast-Modified: " + has.date + "\r\nAccept-Ranges: bytes\r\n";
    if (what.status == 412) {
        const std::string refusal = failure(412, asked);
        co_await peer.write(refusal);
        co_return;
    }
    part wanted{0, size};
    if (const auto some = part_of(asked, has, size); some && what.status == 200) {
        wanted = *some;
        what.status = wanted.size > 0 ? 206 : 416;
        what.size = wanted.size;
        what.more += "Content-Range: bytes " +
                     (wanted.size > 0 ? std::to_string(wanted.first) + "-" +
                                            std::to_string(wanted.first + wanted.size - 1)
                                      : "*") +
                     "/" + std::to_string(size) + "\r\n";
    }
    std::string out = to_text(what, asked);
    const bool has_body = wanted.size > 0 && asked.is("GET") && what.status != 304;
    if (has_body && wanted.size <= small_max) {
        const std::size_t head = out.size();
        out.resize(head + wanted.size);
        const ssize_t got =
            ::pread(file.get(), out.data() + head, wanted.size, static_cast<off_t>(wanted.first));
        if (got != static_cast<ssize_t>(wanted.size))
            throw aperto::error(aperto::errc::cut_short, "read a file");
    }
    co_await peer.write(out);
    if (!has_body || wanted.size <= small_max) co_return;
    co_await peer.send_file(file.get(), wanted.first, wanted.size);
}

/// Answers with what the path names.
inline aperto::task<> give(aperto::stream& peer, const request& asked, int root) {
    auto path = decode(asked.path);
    int status = path ? 0 : 400;
    struct stat about{};
    aperto::descriptor file;
    if (path) {
        path->erase(0, path->find_first_not_of('/'));
        // What begins with a dot is nobody's but its owner's; "..", too, which the kernel would keep in the folder.
        const std::string named = "/" + *path;
        const bool hidden = named.find("/.") != std::string::npos && !named.starts_with("/.well-known/");
        errno = ENOENT;
        if (!hidden) file = beneath(root, path->empty() ? "." : *path);
        if (!file || ::fstat(file.get(), &about) != 0) status = status_of(errno);
    }
    std::string out;
    if (status == 0 && S_ISDIR(about.st_mode)) {
        if (!asked.path.ends_with('/')) {
            const text last = text(*path).substr(path->rfind('/') + 1);
            out = failure(301, asked, "Location: ./" + encode(last) + "/\r\n");
        } else if (aperto::descriptor index = beneath(root, *path + "index.html")) {
            file = std::move(index);
            *path = "index.html";
            if (::fstat(file.get(), &about) != 0) status = status_of(errno);
        } else {
            out = whole({.type = html}, asked, list(file, *path));
        }
    }
    if (status == 0 && out.empty() && !S_ISREG(about.st_mode)) status = 403;
    if (status != 0) out = failure(status, asked);
    if (!out.empty()) {
        co_await peer.write(out);
        co_return;
    }
    co_await give_file(peer, asked, file, about, type_of(*path));
}

}  // namespace web
