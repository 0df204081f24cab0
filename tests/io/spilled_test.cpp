// SPDX-License-Identifier: MIT
// What the queue of submissions has no room for.
#include "io/seam.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aperto::seam {
namespace {

abandonable send_one(loop& on, socket_id to) {
    sending letter(on, to, "x");
    EXPECT_EQ(co_await letter, 1);
}

TEST(Spilled, ASendThatIsGivenUpWhileItWaitsForRoomSendsNothingAndTheOthersAreSent) {
    sim::world world({.faults = {.small_ring = 1}});
    loop& on = world.add_host("here", {.engine = engine::uring}).loop();
    constexpr std::size_t more_than_fit = 12;
    constexpr std::size_t given_up = 9;
    const auto story = [](loop& here) -> task<> {
        std::vector<pair> pairs;
        for (std::size_t i = 0; i < more_than_fit; ++i)
            pairs.push_back(co_await make_pair_of(here));
        std::vector<std::optional<abandonable>> senders;
        for (const pair& each : pairs)
            senders.emplace_back(send_one(here, each.client));
        senders[given_up].reset();
        co_await turns(here, 5);
        for (std::size_t i = 0; i < more_than_fit; ++i) {
            EXPECT_TRUE(i == given_up || senders[i]->ended()) << i;
            here.close(pairs[i].client);
            const std::string expected = i == given_up ? "" : "x";
            EXPECT_EQ(co_await receive_exactly(here, pairs[i].server, 2), expected) << i;
            here.close(pairs[i].server);
        }
    };
    on.spawn(story(on));
    world.run();
}

/// A send of two parts: its header is the loop's own, and stays until the kernel has taken the submission.
class sending_two : public detail::operation_awaiter<send_operation> {
public:
    sending_two(loop& on, socket_id to, std::string first, std::string second)
        : operation_awaiter(on), to_(to), words_{std::move(first), std::move(second)} {
        for (std::size_t i = 0; i < words_.size(); ++i)
            both_[i] = {words_[i].data(), words_[i].size()};
        parts = both_;
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start_send(to_, *this); });
    }
    int await_resume() const noexcept { return result; }

private:
    socket_id to_;
    std::array<std::string, 2> words_;
    std::array<iovec, 2> both_{};
};

abandonable send_two(loop& on, socket_id to, std::string name) {
    sending_two both(on, to, "from ", std::move(name));
    EXPECT_GT(co_await both, 0);
}

TEST(Spilled, ASendOfManyPartsIsItselfHoweverLateTheKernelTakesIt) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        sim::world world({.seed = seed, .faults = {.short_submit = 0.9}});
        loop& on = world.add_host("here", {.engine = engine::uring}).loop();
        const auto story = [](loop& here) -> task<> {
            std::vector<pair> pairs;
            for (int i = 0; i < 40; ++i)
                pairs.push_back(co_await make_pair_of(here));
            std::vector<abandonable> senders;
            for (std::size_t i = 0; i < pairs.size(); ++i) {
                senders.push_back(send_two(here, pairs[i].client, std::to_string(i)));
                co_await turns(here, 1);  // whatever the kernel has taken by then
            }
            for (std::size_t i = 0; i < pairs.size(); ++i) {
                const std::string expected = "from " + std::to_string(i);
                EXPECT_EQ(co_await receive_exactly(here, pairs[i].server, expected.size()), expected);
            }
            for (const pair& each : pairs)
                close_both(here, each);
        };
        on.spawn(story(on));
        world.run();
    }
}

}  // namespace
}  // namespace aperto::seam
