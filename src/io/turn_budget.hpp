// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <algorithm>
#include <cstdint>

namespace aperto {

/// What one conversation may do in a turn of the loop before the others go on, and what those that had more
/// to do may have together. A turn is what everybody waits for: nobody is to make it long alone.
struct turn_budget {
    /// Messages of one conversation at a stretch. More than any client pipelines that waits for its replies,
    /// so that only who floods is put behind; 128 of the smallest take some 15 µs.
    static constexpr unsigned messages_max = 128;
    /// Time of one conversation at a stretch, for its second message and those after it: the first one is
    /// answered whatever it takes. Twenty who all use it up delay an honest client by a millisecond, once.
    static constexpr duration time_max = std::chrono::microseconds(50);
    /// Messages between two looks at the clock, where so many more fit into what is left at the pace so far;
    /// elsewhere it is looked at after each one. A look is some 20 ns, the smallest message 100 ns.
    static constexpr unsigned look_interval_max = 16;
    /// Time that all who had more to do get together, in every other turn, in the order in which they came:
    /// so long an honest client waits longer beside them, and one stretch more. Each slice costs two system
    /// calls for nothing, some 2 µs: a hundredth.
    static constexpr duration slice = std::chrono::microseconds(200);
    /// System calls of one socket, of a kind, that an engine makes at once rather than by its ring or poller:
    /// accepts, sends.
    static constexpr std::uint8_t calls_max = 16;
    /// Receives of one socket, likewise: what has come meanwhile waits until the others were received from.
    static constexpr std::uint8_t receives_max = 1;
    /// Stretches in one such slice, where no clock runs (a simulation) or they are short.
    static constexpr unsigned stretches_max = 256;
};

/// What a conversation has had of its turn.
class turn_share {
public:
    /// To be asked where one more message waits: whether it has to wait until others have had their turn.
    bool is_spent(loop& on) noexcept {
        const auto this_turn = static_cast<std::uint32_t>(on.turn());
        if (turn_ != this_turn) renew();
        turn_ = this_turn;
        return ++messages_ >= next_look_ && look(on);
    }
    /// It was put behind the others and has its next stretch.
    void renew() noexcept {
        messages_ = 0;
        next_look_ = 1;
    }

private:
    bool look(loop& on) noexcept {
        if (messages_ >= turn_budget::messages_max) return true;
        const time_point now = on.read_now();
        if (messages_ == 1) end_ = now + turn_budget::time_max;
        const duration left = end_ - now;
        const duration used = turn_budget::time_max - left;
        const bool quick = messages_ > 1 && used * turn_budget::look_interval_max <= left * (messages_ - 1);
        next_look_ = static_cast<std::uint16_t>(
            std::min(messages_ + (quick ? turn_budget::look_interval_max : 1U), turn_budget::messages_max));
        return left <= duration::zero();
    }

    time_point end_{};
    std::uint32_t turn_ = 0;
    std::uint16_t messages_ = 0;
    std::uint16_t next_look_ = 1;
};

}  // namespace aperto
