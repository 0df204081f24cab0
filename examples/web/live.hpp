// SPDX-License-Identifier: MIT
// A page that shows who is connected, as they come and go, by WebSocket (RFC 6455).
#pragma once

#include "http.hpp"

#include <openssl/evp.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>

namespace web {

constexpr std::size_t message_max = 4096;  ///< bytes of a message, in all its fragments
constexpr std::size_t shown_max = 100;     ///< of those who are connected

/// Who is connected, on all workers.
class guests : public aperto::server_events {
public:
    void listening(const aperto::endpoint& where) override {
        std::fprintf(stderr, "aperto-web listens on %s\n", where.to_string().c_str());
    }
    void accepted(const aperto::connection_view& who) override {
        const std::string peer = who.remote().to_string();
        const std::lock_guard alone(lock_);
        here_[who.id()] = peer;
        ++version_;
    }
    void closed(const aperto::connection_view& who, const aperto::closing&) override {
        const std::lock_guard alone(lock_);
        here_.erase(who.id());
        ++version_;
    }
    /// Grows with every change.
    std::uint64_t version() const noexcept { return version_; }
    /// How many there are, and those whose address has `filter` in it.
    std::string to_json(text filter) const {
        const std::lock_guard alone(lock_);
        std::string out = "{\"count\":" + std::to_string(here_.size()) + ",\"peers\":[";
        std::size_t shown = 0;
        for (const auto& [id, peer] : here_)
            if (peer.find(filter) != std::string::npos && shown++ < shown_max)
                out.append(shown > 1 ? ",\"" : "\"").append(peer).append("\"");
        return out + "]}";
    }

private:
    mutable std::mutex lock_;
    std::map<std::uint64_t, std::string> here_;
    std::atomic<std::uint64_t> version_ = 0;
};

constexpr text live_page = R"(<!doctype html><html lang=en><meta charset=utf-8><title>Who is here</title>
<link rel=icon href=data:,><style>body{font:1em sans-serif;margin:2em}#count{font-size:4em}</style>
<h1>Who is here</h1><div id=count>?</div><input id=filter placeholder="only who has this in it"><ul id=peers></ul><script>
const socket = new WebSocket(location.href.replace(/^http/, 'ws').replace(/[?#].*/, '') + '/socket');
const at = id => document.getElementById(id);
socket.onmessage = told => {
  const now = JSON.parse(told.data);
  at('count').textContent = now.count;
  at('peers').replaceChildren(...now.peers.map(peer => Object.assign(document.createElement('li'), {textContent: peer})));
};
socket.onclose = () => { at('count').textContent = 'gone'; };
at('filter').oninput = () => socket.send(at('filter').value);
</script></html>
)";

// ---- WebSocket

enum class opcode : std::uint8_t { more, words, binary, close = 8, ping, pong };

/// A frame of the server's: whole, not masked (RFC 6455, 5.2).
inline std::string frame_of(opcode what, text payload) {
    std::string out{static_cast<char>(0x80 | static_cast<int>(what))};
    if (payload.size() < 126)
        out += static_cast<char>(payload.size());
    else
        out.append({126, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size() & 0xFF)});
    return out.append(payload);
}
inline std::string close_of(int code) {
    return frame_of(opcode::close, std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)});
}

/// A frame of the client's, which must be masked, and no longer than a message may be.
inline aperto::frame find_frame(text bytes, std::size_t, bool) noexcept {
    constexpr aperto::frame wrong{.what = aperto::frame::state::malformed};
    const auto at = [bytes](std::size_t place) -> std::uint64_t {
        return static_cast<unsigned char>(bytes[place]);
    };
    if (bytes.size() < 2) return {.needed = 2};
    const auto what = static_cast<opcode>(at(0) & 15);
    const bool is_control = what >= opcode::close;
    std::uint64_t size = at(1) & 127;
    if ((at(0) & 0x70) != 0 || (at(1) & 0x80) == 0 || what > opcode::pong ||
        (what > opcode::binary && !is_control))
        return wrong;
    if (is_control && (size > 125 || (at(0) & 0x80) == 0)) return wrong;
    const std::size_t longer = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (bytes.size() < 2 + longer) return {.needed = 2 + longer};
    for (std::size_t place = 0; place < longer; ++place)
        size = (place == 0 ? 0 : size << 8) | at(2 + place);
    if ((longer == 2 && size < 126) || (longer == 8 && (size < 65'536 || size >> 63 != 0))) return wrong;
    if (size > message_max) return {.what = aperto::frame::state::too_large, .needed = size};
    const std::size_t whole = 2 + longer + 4 + static_cast<std::size_t>(size);
    if (bytes.size() < whole) return {.needed = whole};
    return {aperto::frame::state::complete, bytes.substr(0, whole), whole};
}
inline std::string payload_of(text frame) {
    const auto length = static_cast<unsigned char>(frame[1]) & 127U;
    const std::size_t mask = length == 126 ? 4 : length == 127 ? 10 : 2;
    std::string out(frame.substr(mask + 4));
    for (std::size_t place = 0; place < out.size(); ++place)
        out[place] = static_cast<char>(out[place] ^ frame[mask + place % 4]);
    return out;
}
inline bool is_utf8(text bytes) {
    aperto::upper_stream each;
    std::string ignored;
    each.feed(bytes, ignored);
    each.finish(ignored);
    return each.invalid_bytes() == 0;
}
/// What to answer a close frame with: its own code, where it has one that may be sent (RFC 6455, 7.4).
inline int code_for(text payload) {
    if (payload.empty()) return 1000;
    if (payload.size() == 1 || !is_utf8(payload.substr(2))) return 1002;
    const int code = static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    const bool known = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006);
    return known || (code >= 3000 && code < 5000) ? code : 1002;
}

struct viewer {
    std::string filter;
    bool changed = true;
};

/// What the client says, until it ends. Gives the code to close with; 0 where there is nobody to tell.
inline aperto::task<int> hear(aperto::stream& peer, viewer& me) {
    std::string message;
    bool in_message = false, is_text = false;
    try {
        while (const auto frame = co_await peer.read_frame(find_frame)) {
            const auto what = static_cast<opcode>((*frame)[0] & 15);
            const std::string payload = payload_of(*frame);
            if (what == opcode::close) co_return code_for(payload);
            if (what == opcode::ping && !peer.try_write(frame_of(opcode::pong, payload))) co_return 0;
            if (what >= opcode::close) continue;
            if ((what == opcode::more) != in_message) co_return 1002;
            if (what != opcode::more) is_text = what == opcode::words;
            message += payload;
            if (message.size() > message_max) co_return 1009;
            in_message = ((*frame)[0] & 0x80) == 0;
            if (in_message) continue;
            if (is_text && !is_utf8(message)) co_return 1007;
            me.filter = std::exchange(message, {});
            me.changed = true;
        }
    } catch (const aperto::error& failed) {
        if (failed.code() == aperto::errc::malformed) co_return 1002;
        if (failed.code() == aperto::errc::message_too_large) co_return 1009;
        throw;
    }
    co_return peer.stopping() ? 1001 : 0;
}

/// Tells of every change, a few times a second at most, and asks now and then whether somebody is there.
inline aperto::task<> tell(aperto::stream& peer, viewer& me, const guests& all) {
    std::uint64_t told = 0;
    for (unsigned turn = 1;; ++turn) {
        const std::uint64_t now = all.version();
        if (std::exchange(me.changed, false) || now != told) {
            const std::string seen = frame_of(opcode::words, all.to_json(me.filter));
            if (!peer.try_write(seen)) co_return;  // it takes nothing
            told = now;
        }
        if (turn % 100 == 0 && !peer.try_write(frame_of(opcode::ping, {}))) co_return;
        co_await aperto::sleep(200ms);
    }
}

/// The handshake (RFC 6455, 4.2), then both directions. A page of somebody else's is not told who is here.
inline aperto::task<> show(aperto::stream& peer, const request& asked, const guests& all) {
    const std::string key(asked.field("Sec-WebSocket-Key"));
    text origin = asked.field("Origin");
    std::string refusal;
    if (!same(asked.field("Upgrade"), "websocket") || asked.field("Sec-WebSocket-Version") != "13" ||
        !asked.is("GET"))
        refusal =
            failure(426, asked, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
    else if (key.size() != 24 || !key.ends_with("==") || !all_of(text(key).substr(0, 22), "+/"))
        refusal = failure(400, asked);
    else if (!origin.empty() && (cut(origin, "://"), !same(origin, asked.field("Host"))))
        refusal = failure(403, asked);
    if (!refusal.empty()) {
        co_await peer.write(refusal);
        co_return;
    }
    const std::string seed = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    std::array<unsigned char, 64> coded{};
    ::EVP_Digest(seed.data(), seed.size(), digest.data(), nullptr, ::EVP_sha1(), nullptr);
    ::EVP_EncodeBlock(coded.data(), digest.data(), 20);
    const std::string accepted =
        std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n") +
        "Sec-WebSocket-Accept: " + reinterpret_cast<const char*>(coded.data()) + "\r\n\r\n";
    co_await peer.write(accepted);
    viewer me;
    const auto [code, slow] = co_await aperto::first(hear(peer, me), tell(peer, me, all));
    if (code && *code != 0) peer.try_write(close_of(*code));
}

}  // namespace web
