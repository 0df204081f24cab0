// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"
#include "aperto/events.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::sim {

/// How bad the weather is in which a story is told.
using mischief = check_options::mischief;

/// What a story knows of the right outcome: who says what, what the server may see, what each client must get
/// back. Whatever contradicts it fails the world's run.
class story : public server_events {
public:
    story(world& in, mischief weather);

    world& in() noexcept { return world_; }
    bool breaking() const noexcept { return weather_ == mischief::breaking; }
    /// One of `count` by the seed.
    std::uint64_t pick(std::uint64_t count) noexcept { return world_.random() % count; }
    bool toss() noexcept { return pick(2) == 0; }

    /// A machine with buffers and windows of any size.
    /// `buffer_min`: for who moves much, which in buffers of a few bytes would look like a spin.
    host& add_machine(std::string name, std::uint32_t buffer_min = 0);
    aperto::options server_options();

    /// What client `who` says in its `which`-th message. The same each time.
    void plan_client(std::size_t who, std::size_t messages, framing how);
    const std::vector<std::string>& said(std::size_t who) const { return clients_[who].messages; }
    /// All that the client says, as the framing puts it on the wire.
    const std::string& wire(std::size_t who) const { return clients_[who].wire; }

    /// The server got `text` at this place of a connection's stream: it must be what a client said there.
    void server_got(std::uint64_t connection, std::uint64_t offset, std::string_view text, framing how);
    /// Client `who` has been answered so far; every message before was acknowledged.
    void client_got(std::size_t who, std::size_t which, std::string_view reply);
    void client_failed(std::size_t who, const error& why);
    void client_finished(std::size_t who) { clients_[who].finished = true; }
    /// At the end of the run. `all`: every client had the time to finish.
    void judge(bool all);

    /// Every message that the server took was answered, and the answer arrived.
    void judge_replies();

    /// The last client to leave stops the server.
    void client_left(server& running);
    std::size_t clients() const noexcept { return clients_.size(); }

    /// How conversations ended, as the server tells.
    struct ending {
        close_reason reason;
        duration lifetime;
        duration at;  ///< of the world's time
    };
    const std::vector<ending>& endings() const noexcept { return endings_; }
    void closed(const connection_view& who, const closing& how) override;

private:
    struct client {
        std::vector<std::string> messages;
        std::string wire;
        std::size_t answered = 0;
        bool finished = false;
        std::string failed;
    };
    struct seen {
        std::size_t who = 0;
        std::size_t next = 0;
        std::uint64_t bytes = 0;
        std::string start;  ///< the first two bytes tell the client
    };

    world& world_;
    mischief weather_;
    std::vector<client> clients_;
    std::map<std::uint64_t, seen> seen_;
    std::vector<std::size_t> most_seen_;
    std::vector<ending> endings_;
    std::size_t left_ = 0;
};

/// The text in capitals, as the stories' servers answer; ASCII alone, any bytes.
std::string answer_to(std::string_view text);

/// One story, chosen by the world's seed; see stories.cpp.
void tell_a_story(world& in, mischief weather);

// The stories.
void tell_of_messages(story& it);
void tell_of_sessions(story& it);
void tell_of_a_large_transfer(story& it);
void tell_of_a_slow_client(story& it);
void tell_of_a_silent_client(story& it);
void tell_of_a_client_that_never_reads(story& it);
void tell_of_a_stop(story& it);
void tell_of_a_last_word(story& it);
void tell_of_second_thoughts(story& it);
void tell_of_scarcity(story& it);
void tell_of_late_cancels(story& it);
void tell_of_a_fan_out(story& it);
void tell_of_a_door_that_moves(story& it);
void tell_of_sleepers(story& it);
void tell_of_hits_and_runs(story& it);
void tell_of_large_writes(story& it);

}  // namespace aperto::sim
