// SPDX-License-Identifier: MIT
// A conversation that outlives its connections: messages both ways, each once and in order, whatever becomes of the network.
#pragma once

#include <aperto/aperto.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace remote {

using namespace std::chrono_literals;
using bytes = std::string_view;

// [numbers]
/// Numbers go big-endian, as TCP's own do.
inline void put(std::string& out, std::uint64_t value, int size = 8) {
    while (size > 0)
        out += static_cast<char>(value >> (8 * --size));
}

/// Takes a number from the front of `from`; what is shorter is no message of ours.
inline std::uint64_t take(bytes& from, std::size_t size = 8) {
    if (from.size() < size) throw aperto::error(aperto::errc::malformed, "read a number");
    std::uint64_t value = 0;
    for (const char each : from.substr(0, size))
        value = value << 8 | static_cast<unsigned char>(each);
    from.remove_prefix(size);
    return value;
}
/// How far one end has received: whole messages, and bytes of the next one.
struct place {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
};
inline void put(std::string& out, place value) {
    put(out, value.messages);
    put(out, value.bytes, 4);
}
inline place take_place(bytes& from) {
    const std::uint64_t messages = take(from);
    return {messages, take(from, 4)};
}
// [/numbers]

/// What is not heard of for so long is gone; who has nothing to say says so in time.
inline constexpr auto silence = 15s;
inline constexpr auto heartbeat = 5s;

// [lasting]
/// One end. What was sent is kept until the other end has used it, `window` bytes at most, and goes out again on the next
/// connection from where the other end says it has come to. One loop's thread; it outlives who waits on it.
class lasting {
public:
    static constexpr std::size_t window = 256 * 1024;
    static constexpr std::size_t reserve = 4 * 1024;  ///< for what is urgent
    static constexpr std::size_t message_max = 32 * 1024;
    /// A new connection begins with so many bytes in small pieces: one that breaks soon has brought something by then.
    static constexpr std::size_t in_pieces = 64 * 1024;
    static constexpr std::size_t piece = 1500;

    /// Waits for room: the back-pressure of the far end, connected or not.
    aperto::task<> send(std::string message) {
        while (kept_size_ + cost(message) > window)
            co_await changed_.wait();
        kept_size_ += cost(message);
        kept_.push_back(std::move(message));
        changed_.notify_all();
    }

    /// A message that does not wait behind others, like a signal: `on_urgent` over there has it as it comes. Its first byte is a
    /// capital. False, and not sent, where too many of them wait already.
    bool send_urgent(std::string message) {
        if (kept_size_ + cost(message) > window + reserve) return false;
        kept_size_ += cost(message);
        kept_.push_back(std::move(message));
        changed_.notify_all();
        return true;
    }
    std::function<void(bytes message)> on_urgent = [](bytes) {};

    /// The next message. It counts as used when `used` is called, or the next one asked for.
    aperto::task<std::string> receive() {
        used();
        while (inbox_.empty())
            co_await changed_.wait();
        std::string message = std::move(inbox_.front());
        inbox_.pop_front();
        in_hand_ = cost(message);
        co_return message;
    }

    void used() {
        if (in_hand_ == 0) return;
        inbox_size_ -= in_hand_;
        untold_ += in_hand_;
        in_hand_ = 0;
        ++used_;
        changed_.notify_all();
    }

    /// What has come: the other end is told when a connection begins.
    place received() const noexcept { return {received_, part_.size()}; }
    /// Whether everything that was sent was used over there.
    bool settled() const noexcept { return kept_.empty(); }
    /// co_await it: something may have changed.
    aperto::event::waiter changed(aperto::duration limit = aperto::forever) { return changed_.wait(limit); }

    /// What waits is told to look again.
    void wake() noexcept { changed_.notify_all(); }
    /// `carry` ends once everything is said; for good.
    void finish() noexcept {
        finishing_ = true;
        changed_.notify_all();
    }
    bool finishing() const noexcept { return finishing_; }

    /// For who is about to `carry`: makes the connection there is leave, and waits until it has. Gives the claim, which the next one
    /// takes away again.
    aperto::task<std::uint64_t> claim() {
        const std::uint64_t mine = ++claims_;
        changed_.notify_all();
        while (carried_)
            co_await changed_.wait();
        co_return mine;
    }
    /// Goes on over `peer`, whose end has received `theirs`, until that breaks (which is thrown), ends, or `finish` or another's claim.
    aperto::task<> carry(aperto::stream& peer, place theirs, std::uint64_t claim) {
        if (claim != claims_) co_return;
        const std::uint64_t waiting = theirs.messages - gone_;  // huge, where it is less
        if (waiting > kept_.size() || theirs.bytes > (waiting == kept_.size() ? 0 : kept_[waiting].size()))
            throw aperto::error(aperto::errc::malformed, "go on where the other side says it was");
        struct presence {
            lasting& of;
            ~presence() {
                of.carried_ = false;
                of.carried_until_ = aperto::loop::current().now();
                of.changed_.notify_all();
            }
        } const present{*this};
        carried_ = true;
        sent_ = theirs.messages;
        sent_of_next_ = theirs.bytes;
        co_await aperto::first(hear(peer), say(peer), claimed_by_another(claim));
    }
    bool carried() const noexcept { return carried_; }
    /// When it last was; while it is not.
    aperto::time_point carried_until() const noexcept { return carried_until_; }

private:
    static std::size_t cost(bytes message) noexcept { return message.size() + 64; }

    aperto::task<> claimed_by_another(std::uint64_t claim) {
        while (claim == claims_)
            co_await changed_.wait();
    }

    aperto::task<> hear(aperto::stream& peer) {
        while (const auto message = co_await peer.read_message()) {
            if (message->starts_with('A'))
                settle(message->substr(1));
            else
                keep(*message);
            changed_.notify_all();
        }
    }

    void keep(bytes came) {
        const bool is_part = came.starts_with('P');
        if (is_part || !part_.empty()) came.remove_prefix(std::min<std::size_t>(came.size(), 1));
        if (part_.size() + came.size() > message_max ||
            inbox_size_ + cost(part_) + came.size() > window + reserve)
            throw aperto::error(aperto::errc::malformed, "keep so much");
        part_ += came;
        if (is_part) return;
        const std::string& message = inbox_.emplace_back(std::exchange(part_, {}));
        inbox_size_ += cost(message);
        ++received_;
        if (message.starts_with('S') || message.starts_with('W') || message.starts_with('Q'))
            on_urgent(message);
    }

    /// What goes out next, with more of its message behind it or not: "P" and bytes, "p" and the last ones, or all of it.
    std::string next_piece(std::size_t said) {
        const bytes whole = kept_[sent_ - gone_];
        const bytes rest = whole.substr(sent_of_next_);
        const bool is_last = said >= in_pieces || rest.size() <= piece;
        std::string made = !is_last ? "P" : sent_of_next_ > 0 ? "p" : "";
        made += is_last ? rest : rest.substr(0, piece);
        sent_of_next_ = is_last ? 0 : sent_of_next_ + piece;
        sent_ += is_last;
        return made;
    }

    void settle(bytes told) {
        const std::uint64_t upto = take(told);
        if (!told.empty() || upto < gone_ || upto > sent_)
            throw aperto::error(aperto::errc::malformed, "believe what was used");
        for (; gone_ < upto; ++gone_) {
            kept_size_ -= cost(kept_.front());
            kept_.pop_front();
        }
    }

    aperto::task<> say(aperto::stream& peer) {
        std::size_t said = 0;
        for (aperto::time_point due{};
             ;) {  // whatever is heard meanwhile: the other end waits for us to say something
            const aperto::time_point now = aperto::loop::current().now();
            if (now >= due || untold_ >= window / 4 || (finishing_ && untold_ > 0)) {
                untold_ = 0;
                std::string told = "A";
                put(told, used_);
                co_await peer.write_message(told);
                due = now + heartbeat;
            }
            if (sent_ < gone_ + kept_.size()) {
                const std::string message = next_piece(said);  // a copy: it may be settled meanwhile
                said += message.size();
                co_await peer.write_message(message);
            } else if (finishing_ && untold_ == 0) {
                break;
            } else if (untold_ < window / 4) {
                co_await changed_.wait_until(due);
            }
        }
        co_await peer.flush();
    }

    std::deque<std::string> kept_;   ///< sent, and not yet used over there
    std::deque<std::string> inbox_;  ///< come, and not yet used here
    std::size_t kept_size_ = 0;
    std::size_t inbox_size_ = 0;  ///< with the one in hand
    std::size_t in_hand_ = 0;
    std::size_t untold_ = 0;          ///< used, and the other end does not know
    std::string part_;                ///< come, of a message whose rest has not
    std::uint64_t gone_ = 0;          ///< messages that left kept_
    std::uint64_t sent_ = 0;          ///< handed to the connection there is
    std::uint64_t sent_of_next_ = 0;  ///< bytes of the one behind it, likewise
    std::uint64_t received_ = 0;
    std::uint64_t used_ = 0;
    std::uint64_t claims_ = 0;
    bool finishing_ = false;
    bool carried_ = false;
    aperto::time_point carried_until_ = aperto::loop::current().now();
    aperto::event changed_;
};
// [/lasting]

/// How the connections of both sides are read and written.
inline aperto::stream_options stream_options() {
    return {.framing = aperto::framing::length,
            .max_message = lasting::message_max,
            .idle_timeout = silence,
            .handshake_deadline = 10s,
            .message_deadline = silence,
            .write_deadline = silence,
            .high_water = lasting::message_max};  // so slow a network as takes longer for that is none
}

}  // namespace remote
