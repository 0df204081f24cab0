// SPDX-License-Identifier: MIT
#include "tls/ticket_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace aperto::tls {
namespace {

bool set_mac_key(EVP_MAC_CTX* mac, std::span<unsigned char> key) {
    std::array<char, 7> digest{"sha256"};
    const std::array<OSSL_PARAM, 3> with{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.data(), key.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, with.data()) == 1;
}

}  // namespace

ticket_keys::~ticket_keys() {
    for (std::optional<key>* each : {&now_, &before_})
        if (*each) OPENSSL_cleanse(&**each, sizeof(key));
}

bool ticket_keys::rotate(time_point now) noexcept {
    if (now_ && now - began_ < lifetime_) return true;
    // A long pause makes the one before too old as well.
    before_ = now_ && now - began_ < 2 * lifetime_ ? now_ : std::nullopt;
    key fresh;
    const bool made = RAND_bytes(fresh.name.data(), static_cast<int>(fresh.name.size())) == 1 &&
                      RAND_priv_bytes(fresh.cipher.data(), static_cast<int>(fresh.cipher.size())) == 1 &&
                      RAND_priv_bytes(fresh.mac.data(), static_cast<int>(fresh.mac.size())) == 1;
    now_ = made ? std::optional(fresh) : std::nullopt;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    began_ = now;
    return made;
}

int ticket_keys::prepare(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                         bool seals, bool once) {
    constexpr int failed = -1;
    constexpr int no_such_key = 0;
    constexpr int good = 1;
    constexpr int good_for_now = 2;  // the client is given a new ticket
    const std::lock_guard lock(mutex_);
    if (!rotate(clock::now())) return failed;
    if (seals) {
        if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return failed;
        std::copy(now_->name.begin(), now_->name.end(), name);
        const bool ready =
            EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, now_->cipher.data(), iv) == 1 &&
            set_mac_key(mac, now_->mac);
        return ready ? good : failed;
    }
    for (std::optional<key>* each : {&now_, &before_}) {
        if (!*each || std::memcmp(name, (*each)->name.data(), name_size) != 0) continue;
        const bool ready =
            EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, (*each)->cipher.data(), iv) == 1 &&
            set_mac_key(mac, (*each)->mac);
        if (!ready) return failed;
        return each == &now_ && !once ? good : good_for_now;
    }
    return no_such_key;
}

}  // namespace aperto::tls
