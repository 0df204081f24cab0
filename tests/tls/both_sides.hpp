// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace aperto::tls {

/// A folder of a test's own with an authority and a certificate in it.
class own_files {
public:
    explicit own_files(const std::vector<std::string>& names = {"localhost", "127.0.0.1", "::1"},
                       unsigned days = 7) {
        // Not by the number of the process: one that was killed before may have left the same.
        folder_ = testing::TempDir() + "aperto-tls-XXXXXX";
        if (!::mkdtemp(folder_.data())) throw std::system_error(errno, std::generic_category(), folder_);
        files_ = make_authority(folder_, names, days);
    }
    own_files(const own_files&) = delete;
    own_files& operator=(const own_files&) = delete;
    ~own_files() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    const made_files* operator->() const noexcept { return &files_; }
    key_pair pair() const { return {files_.certificate, files_.key}; }
    const std::string& folder() const noexcept { return folder_; }
    /// Signs the certificate again, as one that is good for a few seconds more.
    void expire_in(long seconds) const {
        const file certificate(std::fopen(files_.certificate.c_str(), "r"), &std::fclose);
        const file key(std::fopen(files_.authority_key.c_str(), "r"), &std::fclose);
        X509* const one = PEM_read_X509(certificate.get(), nullptr, nullptr, nullptr);
        EVP_PKEY* const by = PEM_read_PrivateKey(key.get(), nullptr, nullptr, nullptr);
        X509_gmtime_adj(X509_getm_notAfter(one), seconds);
        ASSERT_GT(X509_sign(one, by, EVP_sha256()), 0);
        const file again(std::fopen(files_.certificate.c_str(), "w"), &std::fclose);
        ASSERT_EQ(PEM_write_X509(again.get(), one), 1);
        X509_free(one);
        EVP_PKEY_free(by);
    }

private:
    using file = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
    std::string folder_;
    made_files files_;
};

/// The TLS of two sides that trust each other. The files are read when it is made, once for all.
struct both_sides {
    explicit both_sides(bool old = false) {
        static const own_files files;
        server = tls::server({.certificate = files->certificate, .key = files->key});
        // What only the older version does is told by a client that no newer one can talk to.
        client = tls::client({.ca = files->authority,
                              .name = "localhost",
                              .newest = old ? version::tls_1_2 : version::tls_1_3});
    }
    std::shared_ptr<context> server;
    std::shared_ptr<context> client;
};

}  // namespace aperto::tls
