// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"
#include "aperto/tls_error.hpp"
#include "aperto/transport.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// TLS 1.3 and 1.2 (RFC 8446, RFC 5246) under every stream, by OpenSSL 3: the target `aperto::tls`, which only who
/// uses it links.
///
///     aperto::serve({.port = 9999, .transport = aperto::tls::server({"cert.pem", "key.pem"})}, session);
///
///     const auto transport = aperto::tls::client({.ca = "ca.pem"});
///     const std::string reply = aperto::ask("sala-3:9999", "text", {.stream = {.transport = transport}});
///
/// A handler is the same code with it and without. What the peer ends without TLS's own announcement (close_notify)
/// is `errc::cut_short`, since anybody on the way can end a TCP connection. Renegotiation is refused, and compression.
namespace aperto::tls {

/// Files in PEM: a certificate with the chain that leads to its authority, and its private key, without a password.
struct key_pair {
    std::string certificate{};  ///< a file
    std::string key{};          ///< a file
};

/// A version of TLS. Older ones are not spoken (RFC 8996).
enum class version : std::uint8_t { tls_1_2, tls_1_3 };

/// What a server wants to see of its clients.
enum class client_certificate : std::uint8_t { required, optional };

/// How a server speaks TLS.
struct server_options {
    /// What it shows to a client that asks for no name, or for one that no other pair has.
    std::string certificate{};
    std::string key{};  ///< its private key
    /// Of other names. Which is shown is chosen by the name that the client asks for (SNI); a certificate says for which
    /// names it is.
    std::vector<key_pair> more{};
    /// Authorities (PEM) whose clients are let in. Empty: clients show no certificate.
    std::string client_ca{};
    /// Where `client_ca` is named: whether a client may come without one.
    client_certificate client = client_certificate::required;
    /// Application protocols (ALPN, RFC 7301), the preferred first. Empty: whatever the client says. A client that offers
    /// none of them is refused; one that offers nothing is not.
    std::vector<std::string> alpn{};
    version oldest = version::tls_1_2;  ///< that is spoken
    version newest = version::tls_1_3;  ///< the same
    /// The keys that seal session tickets are new after so long, and good for as long again: who steals one reads no
    /// older session. A second at least.
    duration ticket_key_lifetime = std::chrono::hours(12);
};

/// How a client speaks TLS.
struct client_options {
    /// Authorities (PEM) that are trusted. Empty: those of this system.
    std::string ca{};
    /// What it shows of itself where it is asked; none where empty.
    std::string certificate{};
    std::string key{};  ///< its private key
    /// For whom the server's certificate must be. Empty: the host that is connected to.
    std::string name{};
    std::vector<std::string> alpn{};    ///< what it offers, the preferred first
    version oldest = version::tls_1_2;  ///< that is spoken
    version newest = version::tls_1_3;  ///< the same
    /// Talks to anybody: nothing is known of who the other side is. For trials.
    bool insecure = false;
};

/// What has happened since it was made. Exact.
struct counters {
    std::uint64_t handshakes = 0;                      ///< that succeeded
    std::uint64_t resumed = 0;                         ///< of those
    std::uint64_t failed = 0;                          ///< handshakes and connections that TLS ended
    std::array<std::uint64_t, errc_count> failures{};  ///< the same by their `errc`, from 1: see `of`
    std::array<std::uint64_t, 2> versions{};           ///< handshakes that succeeded, by `version`
    std::uint64_t reloads = 0;                         ///< that succeeded
    std::uint64_t failed_reloads = 0;                  ///< the files were no good, and the old ones stayed

    /// How many ended by that.
    std::uint64_t of(errc why) const noexcept { return failures[static_cast<std::size_t>(why) - 1]; }
};

/// The TLS of a server or of a client: certificates, keys, tickets. Any thread; shared by all connections.
class context final : public transport {
public:
    ~context() override;
    /// Reads the files again, for the connections that come. Those that are there go on. Throws `error` where they are
    /// no good, which is counted; the ones before stay in use.
    void reload();
    /// When the first of its own certificates expires; none where it has no certificate.
    std::chrono::system_clock::time_point expires() const;
    /// What has happened since it was made.
    tls::counters counters() const noexcept;
    std::unique_ptr<transport_session> open(std::string_view peer_name) const override;
    transport_side side() const noexcept override;

    struct state;
    /// Made by `server` and `client`.
    explicit context(std::unique_ptr<state> made) noexcept;

private:
    std::unique_ptr<state> state_;
};

/// Throws `error` (`errc::unusable_files`) with the file and what is wrong with it.
std::shared_ptr<context> server(server_options options);
/// The same for clients. They resume sessions by themselves.
std::shared_ptr<context> client(client_options options = {});

/// What `make_authority` has written.
struct made_files {
    std::string authority;      ///< ca.pem: for clients to trust
    std::string authority_key;  ///< ca-key.pem: to be kept, or thrown away
    std::string certificate;    ///< cert.pem
    std::string key;            ///< key.pem
};
/// For a first try: an authority of one's own and a certificate by it for `names` (host names and addresses), good for
/// `days`, as files in `folder`, keys with mode 0600. Throws `error` where one of the files is there already
/// (`std::errc::file_exists`) or cannot be written.
made_files make_authority(const std::string& folder, const std::vector<std::string>& names, unsigned days);

/// SHA-256 in hexadecimal of the first certificate in a file (PEM): what its peers find in
/// `transport_facts::peer_fingerprint`, for who is known by it. Throws `error` (`errc::unusable_files`) where there is none.
std::string fingerprint(const std::string& certificate);

}  // namespace aperto::tls
