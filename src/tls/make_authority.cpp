// SPDX-License-Identifier: MIT
// A local authority and a certificate by it, for a first try.
#include "aperto/descriptor.hpp"
#include "aperto/endpoint.hpp"
#include "aperto/error.hpp"
#include "aperto/tls.hpp"
#include "core/log_safe.hpp"
#include "tls/words.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace aperto::tls {
namespace {

constexpr const char* tried = "make a certificate";

void require(bool done) {
    if (!done) throw error(errc::failed, tried, {}, fmt::format("OpenSSL says: {}.", last_reason()));
}

void add_extension(X509* to, X509* issuer, int which, const std::string& value) {
    X509V3_CTX context{};
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    const extension_handle made(X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()));
    require(made && X509_add_ext(to, made.get(), -1) == 1);
}

/// Not signed yet; valid from an hour ago, for machines whose clocks are not quite alike.
certificate_handle begin_certificate(EVP_PKEY* key, const std::string& common_name, unsigned days) {
    certificate_handle made(X509_new());
    require(made != nullptr);
    X509* const it = made.get();
    std::array<unsigned char, 16> serial{};
    require(RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1);
    serial[0] &= 0x7f;
    const std::unique_ptr<BIGNUM, freed_by<BN_free>> number(
        BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
    require(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(it)));
    X509_NAME* const subject = X509_get_subject_name(it);
    const bool good = X509_set_version(it, X509_VERSION_3) == 1 &&
                      X509_gmtime_adj(X509_getm_notBefore(it), -3600) &&
                      X509_time_adj_ex(X509_getm_notAfter(it), static_cast<int>(days), 0, nullptr) &&
                      X509_set_pubkey(it, key) == 1 &&
                      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                                 static_cast<int>(common_name.size()), -1, 0) == 1;
    require(good);
    return made;
}

certificate_handle make_root(EVP_PKEY* key, unsigned days) {
    certificate_handle made = begin_certificate(key, "aperto local authority", days);
    X509* const it = made.get();
    require(X509_set_issuer_name(it, X509_get_subject_name(it)) == 1);
    add_extension(it, it, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(it, it, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(it, it, NID_subject_key_identifier, "hash");
    require(X509_sign(it, key, EVP_sha256()) > 0);
    return made;
}

std::string alternative_names(const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& each : names) {
        const bool plain = !each.empty() && each.size() <= 64 &&
                           each.find_first_not_of(
                               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789-._*:") == std::string::npos;
        if (!plain)
            throw error(aperto::errc::malformed, "make a certificate for", log_safe(each),
                        "A name has 1 to 64 letters, digits, dots and dashes; or it is an address.");
        if (!list.empty()) list += ',';
        list += (endpoint::from_address(each, 0) ? "IP:" : "DNS:") + each;
    }
    return list;
}

certificate_handle make_leaf(EVP_PKEY* key, X509* root, EVP_PKEY* root_key,
                             const std::vector<std::string>& names, unsigned days) {
    certificate_handle made = begin_certificate(key, names.front(), days);
    X509* const it = made.get();
    require(X509_set_issuer_name(it, X509_get_subject_name(root)) == 1);
    add_extension(it, root, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(it, root, NID_key_usage, "critical,digitalSignature");
    // For either side of a first try.
    add_extension(it, root, NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(it, root, NID_subject_key_identifier, "hash");
    add_extension(it, root, NID_authority_key_identifier, "keyid:always");
    add_extension(it, root, NID_subject_alt_name, alternative_names(names));
    require(X509_sign(it, root_key, EVP_sha256()) > 0);
    return made;
}

template <class Print>
std::string pem(Print print) {
    const bio_handle out(BIO_new(BIO_s_mem()));
    require(out && print(out.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}
std::string pem_of(X509* certificate) {
    return pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}
std::string pem_of(EVP_PKEY* key) {
    return pem([&](BIO* out) {
        return PEM_write_bio_PKCS8PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
}

/// Files that are either all there at the end, or none.
class new_files {
public:
    new_files() = default;
    new_files(const new_files&) = delete;
    new_files& operator=(const new_files&) = delete;
    ~new_files() {
        if (kept_) return;
        for (const std::string& each : made_)
            ::unlink(each.c_str());
    }
    void write(const std::string& path, std::string_view text, mode_t mode) {
        const descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
        if (!file) fail(path);
        made_.push_back(path);
        while (!text.empty()) {
            const ssize_t written = ::write(file.get(), text.data(), text.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail(path);
            text.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    void keep() noexcept { kept_ = true; }

private:
    [[noreturn]] static void fail(const std::string& path) {
        const bool there = errno == EEXIST;
        throw error::from_result(-errno, "write", log_safe(path),
                                 there ? "Nothing is overwritten: choose another folder, or remove it." : "");
    }
    std::vector<std::string> made_;
    bool kept_ = false;
};

}  // namespace

made_files make_authority(const std::string& folder, const std::vector<std::string>& names, unsigned days) {
    if (names.empty()) throw error(aperto::errc::malformed, tried, {}, "It needs a name at least.");
    const std::string at = folder.empty() ? "." : folder;
    made_files files{at + "/ca.pem", at + "/ca-key.pem", at + "/cert.pem", at + "/key.pem"};
    const key_handle root_key(EVP_EC_gen("P-256"));
    const key_handle key(EVP_EC_gen("P-256"));
    require(root_key && key);
    const certificate_handle root = make_root(root_key.get(), days);
    const certificate_handle leaf = make_leaf(key.get(), root.get(), root_key.get(), names, days);
    constexpr mode_t for_all = 0644;
    constexpr mode_t for_owner = 0600;
    new_files made;
    made.write(files.authority, pem_of(root.get()), for_all);
    made.write(files.authority_key, pem_of(root_key.get()), for_owner);
    made.write(files.certificate, pem_of(leaf.get()) + pem_of(root.get()), for_all);
    made.write(files.key, pem_of(key.get()), for_owner);
    made.keep();
    return files;
}

}  // namespace aperto::tls
