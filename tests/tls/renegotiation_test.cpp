// SPDX-License-Identifier: MIT
// A peer of TLS 1.2 that asks for new handshakes without end, as no library of TLS lets its user: its records are made
// here, by the keys of the session (RFC 5246, 6.3; RFC 5288).
#include "tls/both_sides.hpp"
#include "tls/in_memory.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include <array>
#include <string_view>

namespace aperto::tls {
namespace {

/// OpenSSL in memory, as a client or a server of TLS 1.2.
class raw_side {
public:
    explicit raw_side(const own_files* shown)
        : context_(SSL_CTX_new(shown ? TLS_server_method() : TLS_client_method())) {
        SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION);
        SSL_CTX_set_cipher_list(context_, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384");
        if (shown) {
            SSL_CTX_use_certificate_chain_file(context_, (*shown)->certificate.c_str());
            SSL_CTX_use_PrivateKey_file(context_, (*shown)->key.c_str(), SSL_FILETYPE_PEM);
        }
        ssl = SSL_new(context_);
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        shown ? SSL_set_accept_state(ssl) : SSL_set_connect_state(ssl);
    }
    raw_side(const raw_side&) = delete;
    raw_side& operator=(const raw_side&) = delete;
    ~raw_side() {
        SSL_free(ssl);
        SSL_CTX_free(context_);
    }
    void shake_hands_with(transport_session& other) {
        std::string answer;
        std::string plain;
        EXPECT_FALSE(other.begin(answer));
        for (int i = 0; i < 4; ++i) {
            BIO_write(SSL_get_rbio(ssl), answer.data(), static_cast<int>(answer.size()));
            answer.clear();
            SSL_do_handshake(ssl);
            std::array<char, 16 * 1024> out{};
            const int size = BIO_read(SSL_get_wbio(ssl), out.data(), static_cast<int>(out.size()));
            if (size > 0) {
                const std::string_view arrived(out.data(), static_cast<std::size_t>(size));
                EXPECT_FALSE(other.unseal(arrived, plain, answer));
            }
        }
        ASSERT_TRUE(SSL_is_init_finished(ssl));
        ASSERT_TRUE(other.is_open());
    }

    SSL* ssl;

private:
    SSL_CTX* context_;
};

/// Seals handshake messages behind the handshake of `of`.
class sealer {
public:
    explicit sealer(SSL* of) {
        std::array<unsigned char, 48> secret{};
        SSL_SESSION_get_master_key(SSL_get_session(of), secret.data(), secret.size());
        std::array<unsigned char, 13 + 64> seed{};
        std::string_view("key expansion").copy(reinterpret_cast<char*>(seed.data()), 13);
        SSL_get_server_random(of, seed.data() + 13, 32);
        SSL_get_client_random(of, seed.data() + 45, 32);
        std::array<unsigned char, 72> keys{};
        EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr);
        EVP_KDF_CTX* const prf = EVP_KDF_CTX_new(kdf);
        std::array<char, 7> digest{"SHA384"};
        const std::array<OSSL_PARAM, 4> with{
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret.data(), secret.size()),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed.data(), seed.size()),
            OSSL_PARAM_construct_end()};
        EXPECT_EQ(EVP_KDF_derive(prf, keys.data(), keys.size(), with.data()), 1);
        EVP_KDF_CTX_free(prf);
        EVP_KDF_free(kdf);
        const std::size_t ours = SSL_is_server(of) ? 1 : 0;
        std::copy_n(keys.data() + 32 * ours, 32, key_.data());
        std::copy_n(keys.data() + 64 + 4 * ours, 4, nonce_.data());
    }
    std::string seal(std::string_view message) {
        ++sequence_;  // the first was Finished
        std::array<unsigned char, 13> facts{};
        for (std::size_t i = 0; i < 8; ++i)
            facts[i] = nonce_[4 + i] = static_cast<unsigned char>(sequence_ >> (56 - 8 * i));
        facts[8] = SSL3_RT_HANDSHAKE;
        facts[9] = facts[10] = 3;
        facts[11] = static_cast<unsigned char>(message.size() >> 8);
        facts[12] = static_cast<unsigned char>(message.size());
        std::string sealed(message.size() + 16, '\0');
        auto* const out = reinterpret_cast<unsigned char*>(sealed.data());
        int size = 0;
        EVP_CIPHER_CTX* const by = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex(by, EVP_aes_256_gcm(), nullptr, key_.data(), nonce_.data());
        EVP_EncryptUpdate(by, nullptr, &size, facts.data(), static_cast<int>(facts.size()));
        EVP_EncryptUpdate(by, out, &size, reinterpret_cast<const unsigned char*>(message.data()),
                          static_cast<int>(message.size()));
        EVP_EncryptFinal_ex(by, out + size, &size);
        EVP_CIPHER_CTX_ctrl(by, EVP_CTRL_AEAD_GET_TAG, 16, out + message.size());
        EVP_CIPHER_CTX_free(by);
        const std::size_t all = 8 + sealed.size();
        const std::string header{SSL3_RT_HANDSHAKE, 3, 3, static_cast<char>(all >> 8),
                                 static_cast<char>(all)};
        return header + std::string(reinterpret_cast<const char*>(nonce_.data()) + 4, 8) + sealed;
    }

private:
    std::array<unsigned char, 32> key_{};
    std::array<unsigned char, 12> nonce_{};
    std::uint64_t sequence_ = 0;
};

/// How many of `message` are taken before the session has had enough, and what it answers to them.
struct taken {
    int messages = 0;
    std::size_t answered = 0;
    std::error_code failed;
};
taken flood(transport_session& victim, sealer& by, std::string_view message) {
    taken all;
    std::string wire;
    std::string plain;
    while (!all.failed && all.messages < 5000) {
        all.failed = victim.unseal(by.seal(message), plain, wire);
        ++all.messages;
    }
    all.answered = wire.size();
    EXPECT_TRUE(plain.empty());
    return all;
}

TEST(renegotiation, that_a_client_asks_for_without_end_ends_it) {
    const both_sides sides;
    const auto victim = sides.server->open("");
    raw_side client(nullptr);
    client.shake_hands_with(*victim);
    sealer by(client.ssl);
    const taken all = flood(*victim, by, std::string("\1\0\0\2xx", 6));
    EXPECT_EQ(all.failed, errc::flood);
    EXPECT_EQ(all.messages, 33);
    EXPECT_LT(all.answered, 2000U);
}

TEST(renegotiation, that_a_server_asks_for_without_end_ends_it) {
    const own_files files;
    const auto ours = tls::client({.ca = files->authority, .name = "localhost"});
    const auto victim = ours->open("localhost");
    raw_side server(&files);
    server.shake_hands_with(*victim);
    sealer by(server.ssl);
    const taken all = flood(*victim, by, std::string("\0\0\0\0", 4));
    EXPECT_EQ(all.failed, errc::flood);
    EXPECT_EQ(all.messages, 33);
    EXPECT_LT(all.answered, 2000U);
}

/// Four bytes would have OpenSSL make room for a hello of 128 KB.
TEST(renegotiation, that_only_begins_ends_it) {
    const both_sides sides;
    const auto victim = sides.server->open("");
    raw_side client(nullptr);
    client.shake_hands_with(*victim);
    sealer by(client.ssl);
    std::string plain;
    std::string wire;
    EXPECT_EQ(victim->unseal(by.seal(std::string("\1\2\1\x44", 4)), plain, wire), errc::broken);
}

}  // namespace
}  // namespace aperto::tls
