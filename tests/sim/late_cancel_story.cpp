// SPDX-License-Identifier: MIT
// A server that ends many conversations at the moment at which they are cancelled, and takes the next client
// into the place of the last: what was meant for one must not reach another.
#include "aperto/choice.hpp"
#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/sleep.hpp"
#include "sim/story.hpp"

#include <chrono>

namespace aperto::sim {
namespace {

using namespace std::chrono_literals;

constexpr duration patience = 10ms;
constexpr std::size_t visitors = 12;

task<std::string> first_word(stream& of) {
    const std::optional<std::string_view> word = co_await of.read_some();
    co_return word ? std::string(*word) : std::string();
}

/// Each client has `patience` for its first word; then its place is the next one's.
task<> doorkeeper(story& it, listener& door) {
    for (std::size_t served = 0; served < visitors; ++served) {
        stream peer = co_await door.accept();
        try {
            task<std::string> waiting = with_timeout(patience, first_word(peer));
            const std::string word = co_await waiting;
            it.in().expect(it.breaking() || word == "h", "a word of another conversation");
        } catch (const error& why) {
            // Nobody cancels these tasks but their own deadline.
            it.in().expect(it.breaking() || why.code() == std::errc::timed_out,
                           std::string("a read ended that nobody had given up: ") + why.what());
        }
        peer.abort();
    }
}

task<> visitor(story& it, std::size_t number) {
    try {
        // They wait at the door, and each speaks about when the patience with it ends.
        const duration turn = patience * static_cast<int>(number);
        task<stream> connecting = connect("office:9999");
        stream peer = co_await connecting;
        co_await sleep(turn + patience - 2ms + std::chrono::microseconds(it.pick(4000)));
        co_await peer.write("h");
        co_await peer.read_some();
    } catch (const error&) {  // NOLINT(bugprone-empty-catch)
        // It is sent away, in any weather.
    }
}

}  // namespace

void tell_of_late_cancels(story& it) {
    faults& weather = it.in().faults();
    weather = {.late_completion = weather.late_completion, .lost_cancel = 0.9};
    host& office = it.in().add_host("office");
    host& street = it.in().add_host("street");
    listener door(office.loop(), endpoint::any(9999), {}, std::make_shared<const stream_options>());
    office.spawn(doorkeeper(it, door));
    for (std::size_t number = 0; number < visitors; ++number)
        street.spawn(visitor(it, number));
    it.in().run();
}

}  // namespace aperto::sim
