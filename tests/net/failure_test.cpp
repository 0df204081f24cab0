// SPDX-License-Identifier: MIT
// What a transport of somebody else's fails by.
#include "net/failure.hpp"

#include "aperto/stream.hpp"
#include "net/duet.hpp"

#include <limits>
#include <memory>

namespace aperto {
namespace {

using namespace duet;

class foreign_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "foreign"; }
    std::string message(int) const override { return "somebody else's"; }
};
const foreign_category foreign;

/// Passes everything on, until something comes: by that it fails.
class brittle final : public transport, public transport_session {
public:
    explicit brittle(std::error_code by) : by_(by) {}
    std::unique_ptr<transport_session> open(std::string_view) const override {
        return std::make_unique<brittle>(by_);
    }
    std::error_code begin(std::string&) override { return {}; }
    std::error_code unseal(std::string_view, std::string&, std::string&) override { return by_; }
    std::error_code seal(std::string_view plain, std::string& wire) override {
        wire += plain;
        return {};
    }
    void finish(std::string&) override {}
    bool is_open() const noexcept override { return true; }
    bool has_ended() const noexcept override { return false; }
    std::string advice() const override { return "Ask somebody else."; }
    std::size_t memory() const noexcept override { return sizeof *this; }
    transport_facts facts() const override { return {}; }

private:
    std::error_code by_;
};

class foreign_transport : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(each, foreign_transport, testing::Values(engine::uring, engine::epoll), engine_name);

TEST_P(foreign_transport, fails_the_read_whatever_its_code_is) {
    const auto story = [&]() -> task<> {
        for (const int value : {1, 104, 1 << 16, -1, 1'000'000}) {
            stream_options options;
            options.transport = std::make_shared<brittle>(std::error_code(value, foreign));
            options.idle_timeout = std::chrono::seconds(2);
            task<pair> meeting = meet(options);
            pair both = co_await meeting;
            both.peer.send("hello");
            task<std::error_code> failing = failure_of(read_some(both.ours));
            EXPECT_EQ(co_await failing, tls::errc::failed) << value;
            both.ours.abort();
        }
    };
    play(story());
}

TEST(failure, keeps_what_it_can_tell_and_says_of_the_rest_that_it_failed) {
    const auto kept = [](const std::error_code& code) { return failure(code).code(); };
    EXPECT_FALSE(failure(std::error_code()));
    EXPECT_FALSE(failure(std::error_code(0, foreign)));
    EXPECT_EQ(kept(std::make_error_code(std::errc::connection_reset)), std::errc::connection_reset);
    EXPECT_EQ(kept({ECONNRESET, std::system_category()}), std::errc::connection_reset);
    EXPECT_EQ(kept(errc::deadline), errc::deadline);
    EXPECT_EQ(kept(tls::errc::flood), tls::errc::flood);
    EXPECT_EQ(kept({1 << 16, std::system_category()}), tls::errc::failed);
    EXPECT_EQ(kept({ECONNRESET, foreign}), tls::errc::failed);
    EXPECT_EQ(kept({std::numeric_limits<int>::min(), foreign}), tls::errc::failed);
}

}  // namespace
}  // namespace aperto
