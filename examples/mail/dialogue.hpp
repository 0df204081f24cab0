// SPDX-License-Identifier: MIT
// What a client says before its letter, line by line, and what is answered (RFC 5321). Knows no connection.
#pragma once

#include "letter.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <vector>

namespace mail {

using namespace std::chrono_literals;

// [rules]
struct rules {
    std::string name{};                  ///< this host's
    std::vector<std::string> domains{};  ///< of whom letters are taken for; none: anybody
    std::size_t size_max = 25 * 1024 * 1024;
    std::size_t recipients_max = 100;  // at least a hundred (4.5.3.1.8)
    unsigned mistakes_max = 20;        ///< and then the client has to go
    unsigned words_max = 400;          ///< commands for one letter
    aperto::duration letter_deadline = 10min;
    std::shared_ptr<const aperto::transport> tls{};
};
// [/rules]

inline std::string upper(text what) { return aperto::to_upper(what); }

/// The first word of `rest`, and takes it and the space behind it off.
inline text take_word(text& rest) {
    const text word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    return word;
}

inline std::optional<std::uint64_t> number(text digits) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.begin(), digits.end(), value);
    return failed == std::errc() && end == digits.end() ? std::optional(value) : std::nullopt;
}

inline bool is_ascii(text what) {
    return std::none_of(what.begin(), what.end(), [](char each) { return (each & 0x80) != 0; });
}

class dialogue {
public:
    explicit dialogue(const rules& by) : by_(by) {}

    /// What is answered to a command that needs nothing but this: HELO EHLO MAIL RCPT RSET NOOP VRFY, and what is none.
    std::string answer(text verb, text rest) {
        if (verb == "HELO" || verb == "EHLO") return greet(verb == "EHLO", rest);
        if (verb == "MAIL") return begin(rest);
        if (verb == "RCPT") return add(rest);
        if (verb == "RSET")
            return rest.empty() ? forget(), "250 2.0.0 forgotten" : "501 5.5.4 RSET stands alone";
        if (verb == "NOOP") return "250 2.0.0 yes";
        if (verb == "VRFY") return rest.empty() ? "501 5.5.4 whom?" : "252 2.0.0 send a letter and see";
        if (verb == "HELP") return "214 2.0.0 see RFC 5321";
        if (verb == "EXPN" || verb == "AUTH") return "502 5.5.1 not here";
        return "500 5.5.1 no such command";
    }

    /// Why no letter can come now; empty where it can.
    std::string refusal() const {
        if (!from_) return "503 5.5.1 say MAIL first";
        return to_.empty() ? "503 5.5.1 there is nobody to give it to" : "";
    }
    bool has_begun() const { return from_.has_value(); }
    /// The letter is over, whatever became of it.
    void forget() {
        from_.reset();
        to_.clear();
        international_ = false;
    }
    /// Nothing that was said before TLS counts (RFC 3207, 4.2).
    void begin_tls() {
        forget();
        name_.clear();
        sealed_ = true;
    }

    // [trace]
    /// The lines on top of a letter: who gave it to whom, and when (RFC 5321, 4.4).
    std::string trace(const aperto::endpoint& client, const std::string& id) const {
        const std::time_t now = std::time(nullptr);
        std::tm utc{};
        char date[64];
        const std::size_t size =
            std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", ::gmtime_r(&now, &utc));
        std::string address = client.address();
        if (address.find(':') != text::npos) address.insert(0, "IPv6:");
        const text as = international_ ? "UTF8SMTP" : extended_ ? "ESMTP" : "SMTP";
        std::string lines = "Return-Path: <" + from_.value_or("") + ">\nReceived: from " + name_ + " ([" +
                            address + "])\n\tby ";
        lines.append(by_.name)
            .append(" with ")
            .append(as)
            .append(sealed_ ? "S" : "")
            .append(" id ")
            .append(id);
        if (to_.size() == 1) lines.append("\n\tfor <").append(to_[0]).append(">");
        return lines.append("; ").append(date, size).append("\n");
    }
    // [/trace]

private:
    std::string greet(bool extended, text who) {
        if (!is_domain(who)) return "501 5.5.4 who are you?";
        forget();
        name_ = who;
        extended_ = extended;
        if (!extended) return "250 " + by_.name;
        return "250-" + by_.name + "\r\n250-PIPELINING\r\n250-SIZE " + std::to_string(by_.size_max) +
               "\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n" +
               (by_.tls && !sealed_ ? "250-STARTTLS\r\n" : "") + "250 ENHANCEDSTATUSCODES";
    }

    // [mail]
    std::string begin(text rest) {
        if (name_.empty()) return "503 5.5.1 say EHLO first";
        if (from_) return "503 5.5.1 one letter at a time";
        if (upper(rest.substr(0, 5)) != "FROM:") return "501 5.5.2 MAIL FROM:<you>";
        rest.remove_prefix(5);
        const auto path = take_path(rest);
        if (!path || path->size() > 254 || !(path->empty() || is_mailbox(*path)))
            return "501 5.1.7 that is no address";
        if (!rest.empty() && rest.front() != ' ') return "501 5.5.2 a space, please";
        bool international = false;
        take_word(rest);
        while (!rest.empty()) {
            text value = take_word(rest);
            const std::string name = upper(value.substr(0, value.find('=')));
            value.remove_prefix(std::min(name.size() + 1, value.size()));
            const auto size = number(value);
            if (!extended_)
                return "555 5.5.4 say EHLO for that";
            else if (name == "SIZE" && (!size || value.size() > 20))
                return "501 5.5.4 how large?";
            else if (name == "SIZE" && *size > by_.size_max)
                return "552 5.3.4 too large";
            else if (name == "BODY" && upper(value) != "7BIT" && upper(value) != "8BITMIME")
                return "501 5.5.4 no such body";
            else if (name == "SMTPUTF8")
                international = true;
            else if (name != "SIZE" && name != "BODY")
                return "555 5.5.4 no such parameter";
        }
        if (!international && !is_ascii(*path)) return "553 5.6.7 that takes SMTPUTF8";
        from_ = *path;
        international_ = international;
        return "250 2.1.0 go on";
    }
    // [/mail]

    std::string add(text rest) {
        if (!from_) return "503 5.5.1 say MAIL first";
        if (upper(rest.substr(0, 3)) != "TO:") return "501 5.5.2 RCPT TO:<them>";
        rest.remove_prefix(3);
        const auto path = take_path(rest);
        const bool is_postmaster = path && upper(*path) == "POSTMASTER";  // needs no domain (4.5.1)
        if (!path || path->size() > 254 || !(is_postmaster || is_mailbox(*path)))
            return "501 5.1.3 that is no address";
        if (!rest.empty()) return "555 5.5.4 no such parameter";
        if (!international_ && !is_ascii(*path)) return "553 5.6.7 that takes SMTPUTF8";
        const std::string domain = upper(path->substr(path->rfind('@') + 1));
        const auto is_it = [&domain](const std::string& each) { return upper(each) == domain; };
        if (!is_postmaster && !by_.domains.empty() &&
            std::none_of(by_.domains.begin(), by_.domains.end(), is_it))
            return "550 5.7.1 not for anybody here";
        if (to_.size() >= by_.recipients_max) return "452 4.5.3 too many; send it again to the others";
        to_.emplace_back(*path);
        return "250 2.1.5 go on";
    }

    const rules& by_;
    std::string name_;  ///< the client's, once it has said it
    std::optional<std::string> from_;
    std::vector<std::string> to_;
    bool extended_ = false;
    bool international_ = false;
    bool sealed_ = false;
};

}  // namespace mail
