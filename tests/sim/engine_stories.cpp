// SPDX-License-Identifier: MIT
// Stories that press on the engines: more submissions in a turn than a ring has places, listeners that move,
// handlers that do not read what their clients send.
#include "aperto/choice.hpp"
#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/sleep.hpp"
#include "sim/story.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace aperto::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view tick = "tick";

client_options patient() {
    client_options chosen;
    chosen.connect_timeout = 20s;
    chosen.stream.framing = framing::line;
    chosen.stream.idle_timeout = chosen.stream.message_deadline = chosen.stream.write_deadline = 1h;
    return chosen;
}

// ---- a fan-out

/// Who is in the hall hears every tick, and asks one thing.
struct hall {
    story& it;
    std::vector<stream*> members;
};

task<> attend(hall& in, stream peer) {
    in.members.push_back(&peer);
    try {
        std::string answer;
        if (const std::optional<std::string_view> line = co_await peer.read_line())
            answer = answer_to(*line) + "\n";
        std::erase(in.members, &peer);
        co_await peer.write(answer);
        task<> closing = peer.close();
        co_await closing;
    } catch (const error& why) {
        std::erase(in.members, &peer);
        in.it.in().expect(in.it.breaking(), std::string("a session failed in fair weather: ") + why.what());
    }
}

/// To all of them in one turn.
task<> tick_on(hall& in, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        for (std::size_t who = 0; who < in.members.size(); ++who) {
            try {
                co_await in.members[who]->write("tick\n");
            } catch (const error&) {
                // It has gone; its session is told.
            }
        }
        co_await sleep(std::chrono::microseconds(in.it.pick(1500)));
    }
}

/// A line in two pieces, then half-closed; what comes back is ticks, and the answer to the whole line.
task<> subscribe(story& it, std::size_t who, server& shop) {
    try {
        const std::string line(2 + it.pick(60), static_cast<char>('a' + who % 26));
        host_port where{"office", 9999};
        client_options chosen = patient();
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        const std::size_t first = 1 + it.pick(line.size() - 1);
        co_await peer.write(std::string_view(line).substr(0, first));
        co_await sleep(std::chrono::microseconds(it.pick(4000)));
        co_await peer.write(std::string_view(line).substr(first));
        if (it.toss()) co_await peer.write("\n");
        co_await peer.shutdown_write();
        std::string last;
        while (const std::optional<std::string_view> heard = co_await peer.read_line()) {
            it.in().expect(last.empty() || last == tick, "something came after the answer");
            last = *heard;
        }
        it.in().expect(it.breaking() || last == answer_to(line), "a line was answered in part: " + last);
        it.client_finished(who);
    } catch (const error& why) {
        it.client_failed(who, why);
    }
    it.client_left(shop);
}

// ---- a door that moves

task<> greet(listener& door, std::size_t& greeted) {
    for (;;) {
        stream peer = co_await door.accept();
        co_await peer.write("hello\n");
        ++greeted;
    }
}

/// Listens for a while, closes, and listens again on the same port in the same moment.
task<> move_about(story& it, std::size_t& greeted) {
    const endpoint where = endpoint::any(9999);
    for (std::size_t left = 2 + it.pick(6); left > 0; --left) {
        try {
            listener door(where);
            task<> greeting = with_timeout(std::chrono::microseconds(it.pick(3000)), greet(door, greeted));
            co_await greeting;
        } catch (const error& why) {
            // Nobody else is there to have the port; that its time is over is how a listener is told to move.
            it.in().expect(why.code() != std::errc::address_in_use, "a closed listener's port was not free");
        }
    }
}

task<> visit(story& it) {
    for (int i = 0; i < 6; ++i) {
        try {
            host_port where{"office", 9999};
            client_options chosen = patient();
            task<stream> connecting = connect(where, chosen);
            stream peer = co_await connecting;
            const std::optional<std::string_view> word = co_await peer.read_line();
            it.in().expect(!word || *word == "hello", "another word than the greeting");
        } catch (const error&) {
            // Nobody listened, or the listener closed with this client in its queue.
        }
        co_await sleep(std::chrono::microseconds(it.pick(1000)));
    }
}

// ---- sleepers

/// Reads a line, and then for long nothing.
task<> doze(story& it, std::size_t& woken, stream peer) {
    try {
        const std::optional<std::string_view> line = co_await peer.read_line();
        it.in().expect(it.breaking() || (line && *line == "wake me"), "another line than was sent");
        co_await sleep(2s);
        std::uint64_t heard = 0;
        while (const std::optional<std::string_view> some = co_await peer.read_some()) {
            for (const char each : *some)
                it.in().expect(each == static_cast<char>('A' + heard++ % 7),
                               "bytes were lost while nobody read");
        }
        ++woken;
    } catch (const error& why) {
        it.in().expect(it.breaking(), std::string("a session failed in fair weather: ") + why.what());
    }
}

task<> talk_on(story& it, std::size_t who, server& shop) {
    try {
        host_port where{"office", 9999};
        client_options chosen = patient();
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        co_await peer.write("wake me\n");
        std::uint64_t said = 0;
        for (std::size_t left = 1 + it.pick(20); left > 0; --left) {
            std::string piece(1 + it.pick(700), ' ');
            for (char& each : piece)
                each = static_cast<char>('A' + said++ % 7);
            co_await peer.write(piece);
            co_await sleep(std::chrono::microseconds(it.pick(900)));
        }
        task<> closing = peer.close();
        co_await closing;
        it.client_finished(who);
    } catch (const error& why) {
        it.client_failed(who, why);
    }
    it.client_left(shop);
}

// ---- hit and run

/// Says something, perhaps not to its end, and resets.
task<> hit_and_run(story& it, server& shop) {
    try {
        host_port where{"office", 9999};
        client_options chosen = patient();
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        if (it.toss()) {
            co_await peer.write("a first line\n");
            co_await peer.read_line();
        }
        co_await peer.write(it.toss() ? "a second line\n" : "half a li");
        if (it.toss()) co_await peer.flush();
        if (it.toss()) co_await sleep(std::chrono::microseconds(it.pick(600)));
        peer.abort();
    } catch (const error& why) {
        it.in().expect(it.breaking(), std::string("a client failed in fair weather: ") + why.what());
    }
    it.client_left(shop);
}

/// The server notices by itself, long before a deadline.
task<> end_when_alone(story& it, server& shop) {
    co_await sleep(40s);
    it.in().expect(it.breaking() || shop.connections() == 0, "a reset was not noticed in half a minute");
    shop.stop();
}

// ---- large writes

constexpr std::size_t much = 100'000;

/// What stands at this place of the stream.
char letter_at(std::size_t offset) { return static_cast<char>('a' + offset * 7 % 26); }

/// Small writes and large ones, the last given up in the middle: its memory is used for something else at
/// once.
task<> write_much(story& it, stream peer) {
    std::string all(much, ' ');
    for (std::size_t i = 0; i < much; ++i)
        all[i] = letter_at(i);
    try {
        const std::size_t small = 1 + it.pick(500);
        const std::size_t large = 33'000 + it.pick(20'000);
        co_await peer.write(std::string_view(all).substr(0, small));
        co_await peer.write(std::string_view(all).substr(small, large));
        auto rest = [](stream& to, std::string_view data) -> task<> { co_await to.write(data); };
        task<> giving_up = with_timeout(std::chrono::microseconds(it.pick(1500)),
                                        rest(peer, std::string_view(all).substr(small + large)));
        co_await giving_up;
    } catch (const error& why) {
        it.in().expect(it.breaking() || why.code() == std::errc::timed_out, why.what());
    }
    all.assign(much, '!');
    co_await sleep(50ms);  // what still reads it has the time to be found out
}

task<> read_much(story& it, server& shop) {
    try {
        host_port where{"office", 9999};
        client_options chosen = patient();
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        std::size_t offset = 0;
        while (const std::optional<std::string_view> some = co_await peer.read_some())
            for (const char each : *some)
                it.in().expect(each == letter_at(offset++), "bytes came that nobody wrote");
    } catch (const error&) {
        // Given up by the server in the middle.
    }
    it.client_left(shop);
}

}  // namespace

void tell_of_hits_and_runs(story& it) {
    aperto::options chosen = it.server_options();
    chosen.framing = framing::line;
    host& office = it.add_machine("office");
    server shop(chosen, [](std::string_view text) { return answer_to(text); });
    office.spawn(shop.run_on(office.loop()));
    const std::size_t clients = 1 + it.pick(5);
    for (std::size_t who = 0; who <= clients; ++who)
        it.plan_client(who, 0, framing::line);
    for (std::size_t who = 0; who < clients; ++who)
        it.add_machine("desk" + std::to_string(who)).spawn(hit_and_run(it, shop));
    office.spawn(end_when_alone(it, shop));
    it.in().run();
}

void tell_of_large_writes(story& it) {
    host& office = it.add_machine("office", 100);
    server shop(it.server_options(), [&it](stream peer) { return write_much(it, std::move(peer)); });
    office.spawn(shop.run_on(office.loop()));
    const std::size_t clients = 1 + it.pick(3);
    for (std::size_t who = 0; who < clients; ++who)
        it.plan_client(who, 0, framing::line);
    for (std::size_t who = 0; who < clients; ++who)
        it.add_machine("desk" + std::to_string(who), 100).spawn(read_much(it, shop));
    it.in().run();
}

void tell_of_a_fan_out(story& it) {
    host& office = it.add_machine("office");
    hall room{it, {}};
    server shop(it.server_options(), [&room](stream peer) { return attend(room, std::move(peer)); });
    office.spawn(shop.run_on(office.loop()));
    office.spawn(tick_on(room, 5 + it.pick(10)));
    const std::size_t clients = 2 + it.pick(20);
    host& desk = it.add_machine("desk0");
    for (std::size_t who = 0; who < clients; ++who)
        it.plan_client(who, 0, framing::line);
    for (std::size_t who = 0; who < clients; ++who)
        desk.spawn(subscribe(it, who, shop));
    it.in().run();
    it.judge(true);
}

void tell_of_a_door_that_moves(story& it) {
    std::size_t greeted = 0;
    it.add_machine("office").spawn(move_about(it, greeted));
    it.add_machine("desk0").spawn(visit(it));
    it.in().run();
}

void tell_of_sleepers(story& it) {
    host& office = it.add_machine("office");
    std::size_t woken = 0;
    aperto::options chosen = it.server_options();
    server shop(chosen, [&it, &woken](stream peer) { return doze(it, woken, std::move(peer)); });
    office.spawn(shop.run_on(office.loop()));
    const std::size_t clients = 1 + it.pick(4);
    host& desk = it.add_machine("desk0");
    for (std::size_t who = 0; who < clients; ++who)
        it.plan_client(who, 0, framing::line);
    for (std::size_t who = 0; who < clients; ++who)
        desk.spawn(talk_on(it, who, shop));
    it.in().run_for(1500ms);
    // Nobody reads, so what a client sends waits in its window; but for what the kernel was just about to
    // hand over as reading ended, 32 buffers at a time, while a cancel is lost twice.
    constexpr std::size_t buffers_max = 1 + 3 * 33;
    it.in().expect(office.loop().count().lent_buffers <= clients * buffers_max,
                   "the server took what nobody read");
    it.in().run();
    it.judge(true);
}

}  // namespace aperto::sim
