// SPDX-License-Identifier: MIT
// A store that redis-cli talks to: PING SET GET DEL INCR LPUSH LRANGE EXPIRE, in Redis' protocol (RESP2).
#include <aperto/aperto.hpp>

#include <charconv>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace store {

using text = std::string_view;
using words = std::span<const std::string>;

/// The whole of `digits` as a number; none where it is none.
inline std::optional<std::int64_t> number(text digits) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc() || end != digits.data() + digits.size()) return {};
    return value;
}

inline std::string integer(std::int64_t value) { return ":" + std::to_string(value) + "\r\n"; }
inline std::string wrong(text why) { return "-ERR " + std::string(why) + "\r\n"; }
inline std::string bulk(text what) {
    return "$" + std::to_string(what.size()) + "\r\n" + std::string(what) + "\r\n";
}
inline const std::string nothing = "$-1\r\n";

/// What is kept. On one loop, so that nothing of it needs a lock.
class table {
public:
    std::string answer(words said) {
        if (said.empty()) return wrong("no command");
        const auto is = [&](text name, std::size_t least, std::size_t most) {
            return aperto::to_upper(said[0]) == name && said.size() >= least && said.size() <= most;
        };
        if (is("PING", 1, 2)) return said.size() == 2 ? bulk(said[1]) : "+PONG\r\n";
        if (is("SET", 3, 3)) return values_[said[1]] = entry{said[2]}, "+OK\r\n";
        if (is("DEL", 2, 2)) return integer(static_cast<std::int64_t>(values_.erase(said[1])));
        entry* const found = said.size() > 1 ? find(said[1]) : nullptr;
        if (is("GET", 2, 2)) return found ? got(std::get_if<std::string>(&found->value)) : nothing;
        if (is("INCR", 2, 2)) return increment(said[1], found);
        if (is("LPUSH", 3, 1000))
            return push(found ? *found : values_[said[1]] = entry{list{}}, said.subspan(2));
        if (is("LRANGE", 4, 4)) return range(found, number(said[2]), number(said[3]));
        if (is("EXPIRE", 3, 3)) return expire(found, number(said[2]));
        return wrong("unknown command, or a wrong number of words");
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
    static std::string got(const std::string* value) { return value ? bulk(*value) : wrong("it is a list"); }
    std::string increment(const std::string& key, entry* found) {
        auto* const digits = found ? std::get_if<std::string>(&found->value) : nullptr;
        const auto before = found ? digits ? number(*digits) : std::nullopt : 0;
        if (!before || *before == INT64_MAX) return wrong("value is not an integer or out of range");
        if (!found) found = &(values_[key] = entry{});
        found->value = std::to_string(*before + 1);
        return integer(*before + 1);
    }
    static std::string push(entry& onto, words more) {
        auto* const items = std::get_if<list>(&onto.value);
        if (!items) return wrong("it is no list");
        items->insert(items->begin(), more.rbegin(), more.rend());
        return integer(static_cast<std::int64_t>(items->size()));
    }
    static std::string range(entry* found, std::optional<std::int64_t> first,
                             std::optional<std::int64_t> last) {
        static list none;
        auto* const items = found ? std::get_if<list>(&found->value) : &none;
        if (!items || !first || !last) return wrong("it is no list, or no number");
        const auto size = static_cast<std::int64_t>(items->size());
        const std::int64_t from = std::max<std::int64_t>(*first < 0 ? *first + size : *first, 0);
        const std::int64_t to = std::min(*last < 0 ? *last + size : *last, size - 1);
        std::string out = "*" + std::to_string(std::max<std::int64_t>(to - from + 1, 0)) + "\r\n";
        for (std::int64_t i = from; i <= to; ++i)
            out += bulk((*items)[static_cast<std::size_t>(i)]);
        return out;
    }
    static std::string expire(entry* found, std::optional<std::int64_t> seconds) {
        if (!seconds || *seconds > 1'000'000'000) return wrong("no number of seconds");
        if (found) found->until = aperto::loop::current().now() + std::chrono::seconds(*seconds);
        return integer(found ? 1 : 0);
    }

    std::unordered_map<std::string, entry> values_;
};

/// The words of one command; false at the end of the stream. Throws `errc::malformed`.
inline aperto::task<bool> read_command(aperto::stream& peer, std::vector<std::string>& said) {
    const auto size_of = [](text line, char kind, std::int64_t most) {
        const auto size = line.starts_with(kind) ? number(line.substr(1)) : std::nullopt;
        if (!size || *size < 0 || *size > most)
            throw aperto::error(aperto::errc::malformed, "read a command");
        return static_cast<std::size_t>(*size);
    };
    said.clear();
    const auto head = co_await peer.read_line();
    if (!head) co_return false;
    for (std::size_t left = size_of(*head, '*', 1000); left > 0; --left) {
        const auto size = co_await peer.read_line();
        if (!size) throw aperto::error(aperto::errc::cut_short, "read a command");
        const auto word = co_await peer.read_exactly(size_of(*size, '$', 512 * 1024) + 2);
        if (!word) throw aperto::error(aperto::errc::cut_short, "read a command");
        said.emplace_back(word->substr(0, word->size() - 2));
    }
    co_return true;
}

inline aperto::task<> serve(aperto::stream peer, table& kept) {
    std::vector<std::string> said;
    for (;;) {
        aperto::task<bool> reading = read_command(peer, said);
        if (const bool more = co_await reading; !more) co_return;
        const std::string reply = kept.answer(said);
        co_await peer.write(reply);
    }
}

}  // namespace store
