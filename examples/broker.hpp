// SPDX-License-Identifier: MIT
// A broker that MQTT 3.1.1 clients talk to (OASIS Standard, 2014): topics, wildcards, retained messages,
// wills, keep alive. It delivers with QoS 0, and acknowledges QoS 1.
#include <aperto/aperto.hpp>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace broker {

using bytes = std::string_view;
enum kind : unsigned { connect = 1, connack, publish, puback, subscribe = 8, suback, unsubscribe, unsuback };
enum short_kind : unsigned { pingreq = 12, pingresp, disconnect };

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
    return {.what = aperto::frame::state::malformed};
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

inline std::string make(unsigned kind, bytes body, unsigned flags = 0) {
    std::string out(1, static_cast<char>(kind << 4 | flags));
    std::size_t size = body.size();
    for (; size >= 128; size /= 128)
        out += static_cast<char>(size % 128 | 0x80);
    return (out += static_cast<char>(size)).append(body);
}
inline std::string make_publish(bytes topic, bytes payload, bool retained) {
    std::string body{static_cast<char>(topic.size() >> 8), static_cast<char>(topic.size() & 0xFF)};
    return make(publish, body.append(topic).append(payload), retained);
}

/// 4.7: `+` is one level, `#` all that follow.
inline bool matches(bytes filter, bytes topic) {
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
/// Those that begin with `$` are the broker's own, and this one has none.
inline bool is_topic(bytes text) {
    return !text.empty() && text[0] != '$' && text.find_first_of("+#") == bytes::npos;
}

struct topics;

/// A client, and what it is to be sent. Who is a thousand packets behind misses what is published then: one who
/// is slow holds up nobody.
struct client {
    ~client();
    topics& all;
    aperto::queue<std::shared_ptr<const std::string>> packets{1000};
    std::string name{}, will_topic{}, will{};
    bool retains_will = false;
    aperto::duration keep_alive = aperto::forever;
    std::set<std::string> filters{};
    std::uint64_t last = 0;  ///< number of the last message: it comes once, however many filters match
};

/// What the workers share.
struct topics {
    /// 3.1: CONNECT; gives CONNACK, whose last byte says why one is not welcome.
    std::string greet(client& who, reader said) {
        if (said.first != connect << 4 || said.text() != "MQTT") refuse("what is no MQTT");
        if (said.byte() != 4) return make(connack, {"\0\1", 2});
        const unsigned flags = said.byte();
        // 3.1.2.10: one and a half times what it promises.
        if (const unsigned seconds = said.number())
            who.keep_alive = std::chrono::milliseconds(1500 * seconds);
        who.name = said.text();
        const bytes will_topic = flags & 4 ? said.text() : "";
        if (flags & 4 && !is_topic(will_topic)) refuse("a will with a topic of that name");
        who.will = flags & 4 ? said.text() : "";
        who.will_topic = will_topic;
        who.retains_will = flags & 0x20;
        const std::lock_guard lock(guard_);
        // 3.1.4: whoever had this name before is sent away.
        client* const before = who.name.empty() ? nullptr : std::exchange(clients_[who.name], &who);
        if (before) before->packets.close();
        return make(connack, {"\0\0", 2});
    }

    /// The answer to any other packet.
    std::string answer(client& who, reader said) {
        const std::lock_guard lock(guard_);
        const unsigned kind = said.first >> 4;
        if (kind == pingreq) return make(pingresp, {});
        if (kind == publish) {
            const bytes topic = said.text();
            const unsigned qos = said.first >> 1 & 3;
            if (qos > 1 || !is_topic(topic)) refuse("a message of QoS 2, or with a topic of that name");
            const bytes id = said.take(2 * qos);
            tell(topic, said.rest, said.first & 1);
            return qos == 0 ? "" : make(puback, id);
        }
        if (kind != subscribe && kind != unsubscribe) refuse("a packet of that kind");
        std::string granted(said.take(2)), retained;
        while (!said.rest.empty()) {
            const bytes filter = said.text();
            among(filter).erase({std::string(filter), &who});
            if (kind == unsubscribe) continue;
            said.byte();  // the QoS that it would like
            granted += is_filter(filter) ? '\0' : '\x80';
            if (granted.back()) continue;
            who.filters.emplace(filter);
            among(filter).emplace(filter, &who);
            for (const auto& [topic, packet] : retained_)
                if (matches(filter, topic)) retained += packet;
        }
        return make(kind == subscribe ? suback : unsuback, granted) + retained;
    }

    /// 3.1.2.5: a will is for a client that goes without a word.
    void leave(client& who) {
        const std::lock_guard lock(guard_);
        for (const std::string& each : who.filters)
            among(each).erase({each, &who});
        if (const auto found = clients_.find(who.name); found != clients_.end() && found->second == &who)
            clients_.erase(found);
        if (!who.will_topic.empty()) tell(who.will_topic, who.will, who.retains_will);
    }

private:
    using subscriptions = std::set<std::pair<std::string, client*>>;

    subscriptions& among(bytes filter) {
        return filter.find_first_of("+#") == bytes::npos ? plain_ : with_wildcards_;
    }
    void tell(bytes topic, bytes payload, bool retain) {
        const std::string name(topic);
        if (retain && payload.empty()) retained_.erase(name);
        if (retain && !payload.empty()) retained_[name] = make_publish(topic, payload, true);
        const auto packet = std::make_shared<const std::string>(make_publish(topic, payload, false));
        const auto give = [&, number = ++published_](client& to) {
            if (std::exchange(to.last, number) != number) to.packets.try_push(packet);
        };
        for (auto at = plain_.lower_bound({name, nullptr}); at != plain_.end() && at->first == name; ++at)
            give(*at->second);
        for (const auto& [filter, who] : with_wildcards_)
            if (matches(filter, topic)) give(*who);
    }

    std::mutex guard_;
    subscriptions plain_, with_wildcards_;
    std::map<std::string, std::string> retained_;
    std::map<std::string, client*> clients_;
    std::uint64_t published_ = 0;
};

inline client::~client() {
    try {
        all.leave(*this);
    } catch (const std::bad_alloc&) {  // then its will goes unsaid
    }
}

inline aperto::task<> listen(aperto::stream& peer, client& who) {
    while (const auto packet = co_await aperto::with_timeout(who.keep_alive, peer.read_frame(find_packet))) {
        const reader said(*packet);
        if (said.first >> 4 == disconnect) co_return who.will_topic.clear();
        const auto answer = std::make_shared<const std::string>(who.all.answer(who, said));
        if (!answer->empty()) co_await who.packets.push(answer);
    }
}

inline aperto::task<> tell(aperto::stream& peer, client& who) {
    while (const auto packet = co_await who.packets.pop())
        co_await peer.write(**packet);
}

inline aperto::task<> serve(aperto::stream peer, topics& all) {
    client who{.all = all};
    const auto hello = co_await peer.read_frame(find_packet);
    if (!hello) co_return;
    const std::string welcome = all.greet(who, reader(*hello));
    co_await peer.write(welcome);
    if (welcome.back() == 0) co_await aperto::first(listen(peer, who), tell(peer, who));
    while (const auto packet = who.packets.try_pop())
        co_await peer.write(**packet);
}

}  // namespace broker
