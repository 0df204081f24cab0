// SPDX-License-Identifier: MIT
// A broker that MQTT 3.1.1 clients talk to (OASIS Standard, 2014): topics, wildcards, retained messages,
// wills, keep alive. It delivers with QoS 0, and acknowledges QoS 1.
#include <aperto/aperto.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace broker {

using bytes = std::string_view;
enum packet : unsigned {
    connect = 1,
    connack,
    publish,
    puback,
    subscribe = 8,
    suback,
    unsubscribe,
    unsuback
};
enum short_packet : unsigned { pingreq = 12, pingresp, disconnect };

[[noreturn]] inline void refuse(bytes what) { throw aperto::error(aperto::errc::malformed, "take", what); }

/// 2.2.3: the length of what follows stands behind the first byte, seven bits a byte.
inline aperto::frame find_packet(bytes received, std::size_t, bool) noexcept {
    std::size_t size = 0;
    for (std::size_t at = 1; at <= 4; ++at) {
        if (at == received.size()) return {};
        const auto each = static_cast<unsigned char>(received[at]);
        size |= std::size_t{each & 0x7FU} << (7 * (at - 1));
        if (each & 0x80) continue;
        const std::size_t whole = at + 1 + size;
        if (received.size() < whole) return {.needed = whole};
        return {aperto::frame::state::complete, received.substr(0, whole), whole};
    }
    return {.what = aperto::frame::state::too_large};
}

/// What a packet says, field by field.
struct reader {
    explicit reader(bytes whole) : first(static_cast<unsigned char>(whole[0])), rest(whole.substr(1)) {
        while (byte() & 0x80) {
        }
    }
    bytes take(std::size_t count) {
        if (count > rest.size()) refuse("a packet that ends too soon");
        const bytes taken = rest.substr(0, count);
        rest.remove_prefix(count);
        return taken;
    }
    unsigned byte() { return static_cast<unsigned char>(take(1)[0]); }
    unsigned number() {
        const unsigned high = byte();
        return high << 8 | byte();
    }
    bytes text() { return take(number()); }
    unsigned first;
    bytes rest;
};

inline std::string number(std::size_t value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
}
inline std::string make(unsigned kind, bytes body, unsigned flags = 0) {
    std::string out(1, static_cast<char>(kind << 4 | flags));
    std::size_t size = body.size();
    for (; size >= 128; size /= 128)
        out += static_cast<char>(size % 128 | 0x80);
    return (out += static_cast<char>(size)).append(body);
}
inline std::string make_publish(bytes topic, bytes payload, bool retained) {
    return make(publish, number(topic.size()).append(topic).append(payload), retained);
}

/// 4.7: `+` is one level, `#` all that follow; a topic that begins with `$` is in neither.
inline bool matches(bytes filter, bytes topic) {
    if (topic.starts_with('$') && !filter.starts_with('$')) return false;
    for (;; filter.remove_prefix(1), topic.remove_prefix(1)) {
        const bytes wanted = filter.substr(0, filter.find('/'));
        const bytes level = topic.substr(0, topic.find('/'));
        if (wanted == "#") return true;
        if (wanted != "+" && wanted != level) return false;
        filter.remove_prefix(wanted.size());
        topic.remove_prefix(level.size());
        if (topic.empty()) return filter.empty() || filter == "/#";
        if (filter.empty()) return false;
    }
}
inline bool is_filter(bytes text) {
    for (auto at = text.find_first_of("+#"); at != bytes::npos; at = text.find_first_of("+#", at + 1)) {
        const bool is_last = at + 1 == text.size();
        if (at > 0 && text[at - 1] != '/') return false;
        if (!is_last && (text[at] == '#' || text[at + 1] != '/')) return false;
    }
    return !text.empty();
}

inline bool is_topic(bytes text) {
    return !text.empty() && text[0] != '$' && text.find_first_of("+#") == bytes::npos;
}

/// What the workers share. Who is a thousand messages behind misses the oldest: one who is slow holds up
/// nobody.
struct topics {
    struct message {
        std::string topic, payload;
    };
    aperto::broadcast<message> said{1000};
    std::atomic<std::uint64_t> sessions = 0;

    void tell(bytes topic, bytes payload, bool retain) {
        if (!is_topic(topic)) refuse("a topic of that name");
        const std::lock_guard lock(guard_);
        if (retain && payload.empty()) retained_.erase(std::string(topic));
        if (retain && !payload.empty()) retained_[std::string(topic)] = payload;
        said.publish({std::string(topic), std::string(payload)});
    }
    std::string retained(bytes filter) const {
        std::string packets;
        const std::lock_guard lock(guard_);
        for (const auto& [topic, payload] : retained_)
            if (matches(filter, topic)) packets += make_publish(topic, payload, true);
        return packets;
    }

private:
    mutable std::mutex guard_;
    std::map<std::string, std::string> retained_;
};

struct session {
    topics& all;
    const std::uint64_t number = ++all.sessions;
    std::string client{}, will_topic{}, will{};
    bool retains_will = false, welcome = false;
    aperto::duration keep_alive = aperto::forever;
    std::set<std::string, std::less<>> filters{};

    /// 3.1.2.5: a will is for a client that goes without a word.
    ~session() {
        try {
            if (welcome && !will_topic.empty()) all.tell(will_topic, will, retains_will);
        } catch (const std::bad_alloc&) {  // then it goes unsaid
        }
    }

    /// 3.1: CONNECT; gives CONNACK, whose last byte says why one is not welcome.
    std::string greet(reader said) {
        if (said.first != connect << 4 || said.text() != "MQTT") refuse("what is no MQTT");
        if (said.byte() != 4) return make(connack, {"\0\1", 2});
        const unsigned flags = said.byte();
        // 3.1.2.10: one and a half times what it promises.
        if (const unsigned seconds = said.number()) keep_alive = std::chrono::milliseconds(1500 * seconds);
        client = "$client/" + std::string(said.text());
        if (flags & 4) {
            will_topic = said.text();
            will = said.text();
            if (!is_topic(will_topic)) refuse("a will with a topic of that name");
        }
        retains_will = flags & 0x20;
        // Whoever had this name before hears that it is taken (3.1.4), with a number above its own.
        if (!client.ends_with('/')) all.said.publish({client, std::to_string(number)});
        welcome = true;
        return make(connack, {"\0\0", 2});
    }

    /// The answer to any other packet.
    std::string answer(reader said) {
        const unsigned kind = said.first >> 4;
        if (kind == pingreq) return make(pingresp, {});
        if (kind == publish) {
            const bytes topic = said.text();
            const unsigned qos = said.first >> 1 & 3;
            if (qos > 1) refuse("a message of QoS 2");
            const bytes id = said.take(2 * qos);
            all.tell(topic, said.rest, said.first & 1);
            return qos == 0 ? "" : make(puback, id);
        }
        if (kind != subscribe && kind != unsubscribe) refuse("a packet of that kind");
        std::string granted(said.take(2)), kept;
        while (!said.rest.empty()) {
            const bytes filter = said.text();
            if (kind == unsubscribe) {
                if (const auto found = filters.find(filter); found != filters.end()) filters.erase(found);
            } else if (said.byte(); is_filter(filter)) {
                filters.emplace(filter);
                granted += '\0';
                kept += all.retained(filter);
            } else {
                granted += '\x80';
            }
        }
        return make(kind == subscribe ? suback : unsuback, granted) + kept;
    }

    bool wants(bytes topic) const {
        return std::ranges::any_of(filters, [&](bytes each) { return matches(each, topic); });
    }
};

inline aperto::task<> serve(aperto::stream peer, topics& all) {
    session mine{all};
    auto heard = all.said.subscribe();
    const auto hello = co_await peer.read_frame(find_packet);
    if (!hello) co_return;
    const std::string welcome = mine.greet(reader(*hello));
    co_await peer.write(welcome);
    for (auto spoke = aperto::loop::current().now(); mine.welcome;) {
        aperto::duration left = mine.keep_alive;
        if (left != aperto::forever) left -= aperto::loop::current().now() - spoke;
        const auto [said, news] =
            co_await aperto::with_timeout(left, aperto::first(peer.read_frame(find_packet), heard.pop()));
        if (said && !*said) co_return;  // the end of the stream, without a word
        if (said) {
            spoke = aperto::loop::current().now();
            const reader packet(**said);
            if (packet.first >> 4 == disconnect) {
                mine.will_topic.clear();
                co_return;
            }
            const std::string answer = mine.answer(packet);
            co_await peer.write(answer);
        }
        if (!news || !*news) continue;
        const auto& [topic, payload] = **news;
        if (topic == mine.client && std::stoull(payload) > mine.number) co_return;
        if (!mine.wants(topic)) continue;
        const std::string packet = make_publish(topic, payload, false);
        co_await peer.write(packet);
    }
}

}  // namespace broker
