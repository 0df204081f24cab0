// SPDX-License-Identifier: MIT
// A store that redis-cli talks to: PING SET GET DEL INCR LPUSH LRANGE EXPIRE, in Redis' protocol (RESP2).
#include <aperto/aperto.hpp>

#include <algorithm>
#include <charconv>
#include <deque>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace store {

using text = std::string_view;

/// The whole of `digits` as a number; none where it is none.
inline std::optional<std::int64_t> number(text digits) noexcept {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.begin(), digits.end(), value);
    return failed == std::errc() && end == digits.end() ? std::optional(value) : std::nullopt;
}

/// A command is an array of strings, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"; each of them goes to `take`.
aperto::frame read_command(text bytes, auto take) {
    constexpr aperto::frame no_command{.what = aperto::frame::state::malformed};
    text rest = bytes;
    std::int64_t left = 1;
    for (char kind = '*'; left > 0; kind = '$') {
        const std::size_t end = rest.substr(0, 32).find("\r\n");
        if (end == text::npos) return rest.size() < 32 ? aperto::frame{} : no_command;
        const std::int64_t size = number(rest.substr(1, end - 1)).value_or(-1);
        if (rest[0] != kind || size < 0 || size > 512 * 1024) return no_command;
        left = kind == '*' ? size : left - 1;
        rest.remove_prefix(end + 2);
        if (kind == '*') continue;
        const std::size_t length = static_cast<std::size_t>(size) + 2;
        if (rest.size() < length) return {.needed = bytes.size() - rest.size() + length};
        take(rest.substr(0, length - 2));
        rest.remove_prefix(length);
    }
    const std::size_t whole = bytes.size() - rest.size();
    return {aperto::frame::state::complete, bytes.substr(0, whole), whole};
}
inline aperto::frame find_command(text bytes, std::size_t, bool) noexcept {
    return read_command(bytes, [](text) {});
}

inline std::string integer(std::size_t value) { return ":" + std::to_string(value) + "\r\n"; }
inline std::string wrong(const std::string& why) { return "-ERR " + why + "\r\n"; }
inline std::string bulk(text what) {
    return ("$" + std::to_string(what.size()) + "\r\n").append(what).append("\r\n");
}

/// What is kept. On one loop, so that nothing of it needs a lock.
class table {
public:
    std::string answer(text command) try {
        said_.clear();
        read_command(command, [this](text word) { said_.push_back(word); });
        const std::string name = said_.empty() ? "" : aperto::to_upper(said_[0]);
        const auto is = [&](text wanted, std::size_t size) { return name == wanted && said_.size() == size; };
        if (is("PING", 1)) return "+PONG\r\n";
        if (is("PING", 2)) return bulk(said_[1]);
        const std::string key(said_.size() > 1 ? said_[1] : "");
        entry* const found = find(key);
        if (is("SET", 3)) return values_[key] = entry{std::string(said_[2])}, "+OK\r\n";
        if (is("GET", 2)) return found ? bulk(std::get<std::string>(found->value)) : "$-1\r\n";
        if (is("DEL", 2)) return integer(values_.erase(key));
        if (is("INCR", 2)) return increment(found ? *found : values_[key] = entry{"0"});
        if (is("LRANGE", 4)) return range(found, number(said_[2]).value(), number(said_[3]).value());
        if (is("EXPIRE", 3)) return expire(found, number(said_[2]).value());
        if (name == "LPUSH" && said_.size() > 2) return push(found ? *found : values_[key] = entry{list()});
        return wrong("unknown command, or a wrong number of words");
    } catch (const std::bad_variant_access&) {
        return wrong("the value is of another kind");
    } catch (const std::bad_optional_access&) {
        return wrong("value is not an integer or out of range");
    }

private:
    using list = std::deque<std::string>;
    struct entry {
        std::variant<std::string, list> value;
        aperto::time_point until = aperto::time_point::max();
    };

    entry* find(const std::string& key) {
        const auto found = values_.find(key);
        if (found == values_.end()) return nullptr;
        if (found->second.until > aperto::loop::current().now()) return &found->second;
        return values_.erase(found), nullptr;
    }
    static std::string increment(entry& what) {
        auto& digits = std::get<std::string>(what.value);
        const std::int64_t before = number(digits).value();
        if (before == INT64_MAX) throw std::bad_optional_access();
        return ":" + (digits = std::to_string(before + 1)) + "\r\n";
    }
    std::string push(entry& onto) const {
        auto& items = std::get<list>(onto.value);
        items.insert(items.begin(), said_.rbegin(), said_.rend() - 2);
        return integer(items.size());
    }
    static std::string range(const entry* of, std::int64_t first, std::int64_t last) {
        if (!of) return "*0\r\n";
        const auto& items = std::get<list>(of->value);
        const std::int64_t size = std::ssize(items);
        const std::int64_t from = std::clamp<std::int64_t>(first < 0 ? first + size : first, 0, size);
        const std::int64_t to = std::clamp(last < 0 ? last + size : last, from - 1, size - 1);
        std::string out = "*" + std::to_string(to - from + 1) + "\r\n";
        for (std::int64_t i = from; i <= to; ++i)
            out += bulk(items[static_cast<std::size_t>(i)]);
        return out;
    }
    static std::string expire(entry* found, std::int64_t seconds) {
        const std::chrono::seconds span(std::clamp<std::int64_t>(seconds, 0, 1'000'000'000));
        if (found) found->until = aperto::loop::current().now() + span;
        return integer(found ? 1 : 0);
    }

    std::vector<text> said_;
    std::unordered_map<std::string, entry> values_;
};

}  // namespace store
