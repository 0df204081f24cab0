// SPDX-License-Identifier: MIT
// What one send is offered: in the order in which it was written, and never more than the limit.
#include "net/outbox.hpp"

#include "net/connection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace aperto {
namespace {

class Outbox : public testing::Test {
protected:
    /// What the kernel would be given.
    std::string offered() const {
        std::string bytes;
        for (const iovec& each : box.parts)
            bytes.append(static_cast<const char*>(each.iov_base), each.iov_len);
        return bytes;
    }

    std::unique_ptr<loop> on = loop::create({.which = engine::epoll});
    connection owner{*on, {}, {}, std::make_shared<const stream_options>()};
    outbox box{owner};
    std::vector<std::string_view> direct;

    void set_direct(std::vector<std::string_view> parts) {
        direct = std::move(parts);
        std::size_t size = 0;
        for (const std::string_view each : direct)
            size += each.size();
        box.set_direct(direct, size);
    }
};

TEST_F(Outbox, OffersInTheOrderOfWriting) {
    box.filling() = "first ";
    box.offer(100);
    box.taken(2);  // "rst " is still to be sent
    box.filling() = "second ";
    set_direct({"thi", "", "rd"});
    box.offer(100);
    EXPECT_EQ(offered(), "rst ") << "what is direct was written after the second";
    box.taken(4);
    box.offer(100);
    EXPECT_EQ(offered(), "second third");
    box.taken(8);
    box.offer(100);
    EXPECT_EQ(offered(), "hird");
}

TEST_F(Outbox, OffersManyPartsInPiecesOfEverySize) {
    std::string all;
    std::vector<std::string> kept;
    for (int i = 0; i < 40; ++i)
        all += kept.emplace_back(static_cast<std::size_t>(i % 7), static_cast<char>('a' + i % 26));
    set_direct({kept.begin(), kept.end()});
    std::string taken;
    for (std::size_t size = 1; box.pending() > 0; size = size % 11 + 1) {
        box.offer(1000);
        const std::size_t some = std::min(size, box.offered());
        taken += offered().substr(0, some);
        box.taken(some);
    }
    EXPECT_EQ(taken, all);
}

TEST_F(Outbox, CopiesSmallPartsTogether) {
    const std::string large(10'000, 'l');
    std::vector<std::string_view> parts(1000, "tiny ");
    parts.push_back(large);
    set_direct(parts);
    box.offer(1'000'000);
    ASSERT_EQ(box.parts.size(), 2U) << "a thousand copied, the large one from where it is";
    EXPECT_EQ(box.parts[1].iov_base, large.data());
    EXPECT_EQ(box.offered(), 15'000U);
}

TEST_F(Outbox, OffersNoMoreThanTheLimit) {
    const std::string large(1000, 'd');
    box.filling() = std::string(150, 'f');
    set_direct({large});
    std::string all;
    while (box.pending() > 0) {
        box.offer(100);
        EXPECT_LE(offered().size(), 100U);
        EXPECT_EQ(box.offered(), offered().size());
        all += offered();
        box.taken(offered().size());
    }
    EXPECT_EQ(all, std::string(150, 'f') + large);
}

TEST_F(Outbox, DoesNotHoldTheMemoryOfALargeReplyForTheRestOfIt) {
    constexpr std::size_t large = 1024 * 1024;
    box.filling() = std::string(large, 'x');
    for (std::size_t left = large; left > 100; left = box.pending()) {
        box.offer(std::min<std::size_t>(left - 100, 128 * 1024));
        box.taken(box.offered());
    }
    EXPECT_LT(box.capacity(), 64U * 1024);
    box.filling() += "and a small one";
    box.offer(large);
    EXPECT_EQ(offered(), std::string(100, 'x'));
}

TEST_F(Outbox, DoesNotHoldTheMemoryOfALargeReplyForSmallOnesBehindIt) {
    constexpr std::size_t large = 1024 * 1024;
    box.filling() = std::string(large, 'x');
    box.offer(2 * large);
    box.filling() += "small";
    box.taken(large);
    EXPECT_LT(box.capacity(), 64U * 1024);
    EXPECT_EQ(box.pending(), 5U);
}

TEST_F(Outbox, DropsWhatIsLeftAfterAPartWasTaken) {
    box.filling() = "a part of this is taken";
    set_direct({"and this not at all"});
    box.offer(100);
    box.taken(6);
    box.drop_all();
    EXPECT_EQ(box.pending(), 0U);
    box.filling() = "afresh";
    box.offer(100);
    EXPECT_EQ(offered(), "afresh");
}

}  // namespace
}  // namespace aperto
