// SPDX-License-Identifier: MIT
// What OpenSSL holds for a connection, by its own allocations, against what is charged for it.
#include "tls/both_sides.hpp"
#include "tls/in_memory.hpp"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <atomic>
#include <cstdlib>
#include <deque>

namespace aperto::tls {
namespace {

std::atomic<std::size_t> held{0};

// NOLINTBEGIN(cppcoreguidelines-no-malloc): OpenSSL's allocator, as C has it

void* allocate(std::size_t size, const char*, int) {
    void* const made = std::malloc(size);
    held += ::malloc_usable_size(made);
    return made;
}
void release(void* one, const char*, int) {
    held -= ::malloc_usable_size(one);
    std::free(one);
}
void* resize(void* one, std::size_t size, const char*, int) {
    held -= ::malloc_usable_size(one);
    void* const made = std::realloc(one, size);
    held += ::malloc_usable_size(made);
    return made;
}
// NOLINTEND(cppcoreguidelines-no-malloc)
/// Before OpenSSL has allocated anything: it takes no other allocator afterwards.
const bool counted = CRYPTO_set_mem_functions(&allocate, &resize, &release) == 1;

class charged : public testing::TestWithParam<version> {
protected:
    void SetUp() override {
        ASSERT_TRUE(counted);
        in_memory first(*client, *server);  // what is made once
        ASSERT_TRUE(first.shake_hands());
        before_ = held;
    }
    /// Nothing is held that is not charged, and not much less.
    void expect_charged(const char* when) const {
        std::size_t charges = 0;
        for (const auto& each : sessions)
            charges += each->memory();
        const std::size_t holds = held - before_;
        EXPECT_LE(holds, charges) << when;
        EXPECT_GE(holds * 4, charges) << when;
        RecordProperty(when, std::to_string(holds / sessions.size()) + " of " +
                                 std::to_string(charges / sessions.size()));
    }
    static constexpr std::size_t many = 20;
    own_files files;
    std::shared_ptr<context> server =
        tls::server({.certificate = files->certificate, .key = files->key, .client_ca = files->authority});
    std::shared_ptr<context> client = tls::client({.ca = files->authority,
                                                   .certificate = files->certificate,
                                                   .key = files->key,
                                                   .name = "localhost",
                                                   .newest = GetParam()});
    std::deque<std::unique_ptr<transport_session>> sessions;
    std::string plain;
    std::string wire;

private:
    std::size_t before_ = 0;
};

INSTANTIATE_TEST_SUITE_P(each, charged, testing::Values(version::tls_1_2, version::tls_1_3),
                         [](const auto& each) {
                             return each.param == version::tls_1_2 ? std::string("tls_1_2")
                                                                   : std::string("tls_1_3");
                         });

std::string record_with(std::string_view handshake) {
    return std::string{0x16, 3, 1, static_cast<char>(handshake.size() >> 8),
                       static_cast<char>(handshake.size())} +
           std::string(handshake);
}

TEST_P(charged, a_hello_that_only_begins_holds_what_is_charged) {
    // As large as is taken, and most of it is there.
    const std::string largest = record_with(std::string("\1\0\x40\0", 4) + std::string(16'000, 'x'));
    for (std::size_t i = 0; i < many; ++i) {
        sessions.push_back(server->open(""));
        EXPECT_FALSE(sessions.back()->unseal(largest, plain, wire));
        EXPECT_FALSE(sessions.back()->unseal({largest.data(), 2000}, plain, wire)) << "a part of a record";
    }
    expect_charged("in a hello");
}

TEST_P(charged, an_open_one_holds_what_is_charged) {
    for (std::size_t i = 0; i < many; ++i) {
        in_memory both(*client, *server);
        ASSERT_TRUE(both.shake_hands());
        sessions.push_back(std::move(both.server));
    }
    expect_charged("open");
}

TEST_P(charged, a_record_that_only_begins_holds_what_is_charged) {
    for (std::size_t i = 0; i < many; ++i) {
        in_memory both(*client, *server);
        ASSERT_TRUE(both.shake_hands());
        EXPECT_FALSE(both.client->seal(std::string(16'000, 'x'), both.to_server));
        both.to_server.pop_back();
        both.server_hears();
        EXPECT_FALSE(both.server_failed);
        sessions.push_back(std::move(both.server));
    }
    expect_charged("in a record");
}

TEST_P(charged, a_handshake_that_waits_holds_what_is_charged) {
    for (std::size_t i = 0; i < many; ++i) {
        in_memory both(*client, *server);
        both.server_hears();
        EXPECT_FALSE(both.server_failed);
        sessions.push_back(std::move(both.server));
    }
    expect_charged("in a handshake");
}

/// Nine bytes that would have OpenSSL make room for 128 KB; cut in any way.
TEST(hello, that_says_it_is_oversized_is_refused_by_its_length) {
    const both_sides sides;
    const std::string hello = record_with(std::string("\1\2\1\x44", 4));
    const std::string in_records = record_with("\1") + record_with("\2") + record_with(std::string("\1\x44"));
    for (const std::string& each : {hello, in_records}) {
        for (std::size_t cut = 0; cut < each.size(); ++cut) {
            const auto victim = sides.server->open("");
            std::string plain;
            std::string wire;
            EXPECT_FALSE(victim->unseal({each.data(), cut}, plain, wire));
            EXPECT_EQ(victim->unseal(each.substr(cut), plain, wire), errc::broken) << cut;
            EXPECT_EQ(wire, std::string("\x15\3\3\0\2\2\x2f", 7)) << "illegal_parameter";
            EXPECT_LT(victim->memory(), 100'000U);
        }
    }
}

/// Its second, after the server has asked for another.
TEST(hello, that_comes_again_is_held_to_the_same) {
    const both_sides sides;
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set1_groups_list(context, "ffdhe2048:P-256");
    SSL* const client = SSL_new(context);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    SSL_do_handshake(client);
    std::string first(16 * 1024, '\0');
    first.resize(static_cast<std::size_t>(
        BIO_read(SSL_get_wbio(client), first.data(), static_cast<int>(first.size()))));
    SSL_free(client);
    SSL_CTX_free(context);
    const std::string middlebox{0x14, 3, 3, 0, 1, 1};
    const auto victim = sides.server->open("");
    std::string plain;
    std::string wire;
    EXPECT_FALSE(victim->unseal(first, plain, wire));
    EXPECT_FALSE(wire.empty()) << "it asks for another";
    EXPECT_EQ(victim->unseal(middlebox + record_with(std::string("\1\2\1\x44", 4)), plain, wire),
              errc::broken);
}

/// Older than any that is spoken, and in no records of TLS.
TEST(hello, of_the_second_version_of_ssl_is_none) {
    const both_sides sides;
    const auto victim = sides.server->open("");
    std::string plain;
    std::string wire;
    EXPECT_EQ(victim->unseal(std::string("\x80\x2e\1\3\3", 5), plain, wire), errc::not_tls);
}

}  // namespace
}  // namespace aperto::tls
