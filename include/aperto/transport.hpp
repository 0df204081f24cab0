// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace aperto {

/// What a transport knows of one connection. An empty text is not known, or does not apply.
struct transport_facts {
    std::string protocol{};          ///< "TLSv1.3"
    std::string cipher{};            ///< "TLS_AES_256_GCM_SHA384"
    std::string alpn{};              ///< the application protocol agreed on (RFC 7301)
    std::string server_name{};       ///< the name that the client asked for (SNI, RFC 6066, 3)
    std::string peer_subject{};      ///< whom the peer's certificate is for, as RFC 2253 writes it
    std::string peer_fingerprint{};  ///< SHA-256 of that certificate, in hexadecimal
    bool resumed = false;            ///< begun with the keys of a session before
};

/// One connection's end of a transport: turns what arrives into what its stream reads, and what is written into
/// what is sent. It does no input or output of its own, so it is the same on every engine and in the
/// simulation. A stream owns it and calls it on its loop's thread; who writes a transport derives from it.
///
/// `plain` and `wire` are appended to, never read. A member that gives an error has failed for good; what it
/// appended to `wire` before, an alert for the peer, is still sent. An error of a category besides the system's,
/// `aperto_category` and `tls::tls_category` is told as `tls::errc::failed`. Members may throw std::bad_alloc alone.
class transport_session {
public:
    virtual ~transport_session() = default;

    /// Before anything has arrived: what the side that speaks first sends.
    virtual std::error_code begin(std::string& wire) = 0;
    /// Takes all of `arrived`, however it was cut into pieces.
    virtual std::error_code unseal(std::string_view arrived, std::string& plain, std::string& wire) = 0;
    /// Takes all of `plain`. Called only while `is_open`.
    virtual std::error_code seal(std::string_view plain, std::string& wire) = 0;
    /// Appends the announcement that nothing more will be sealed.
    virtual void finish(std::string& wire) = 0;

    /// The handshake is over: what is written can be sealed.
    virtual bool is_open() const noexcept = 0;
    /// The peer has announced its end, so that an end of the stream cuts nothing short.
    virtual bool has_ended() const noexcept = 0;
    /// After a failure: a sentence on what the reader can do about it, or none.
    virtual std::string advice() const = 0;
    /// A part of what the peer sealed as one piece has arrived, and gives nothing to read before its rest has: a
    /// message has begun, as far as deadlines and the end of a server go.
    virtual bool is_in_record() const noexcept { return false; }
    /// Bytes of memory that it holds, or that the peer could make it hold without a further step, about.
    virtual std::size_t memory() const noexcept = 0;
    /// Once it is open.
    virtual transport_facts facts() const = 0;
};

/// Whose end of a connection a transport makes.
enum class transport_side : std::uint8_t { either, server, client };

/// What streams stand on besides the kernel's bytes: named in `options`, `stream_options` and
/// `client_options::stream`, shared by all their connections. None there: the kernel's bytes themselves. TLS is
/// one (tls.hpp).
///
/// Any thread.
class transport {
public:
    virtual ~transport() = default;
    /// This side's end for a new connection to `peer_name`, the host that was connected to; empty for a
    /// server. Throws `error`, std::bad_alloc.
    virtual std::unique_ptr<transport_session> open(std::string_view peer_name) const = 0;
    /// Named in the options of the other side it is refused at once.
    virtual transport_side side() const noexcept { return transport_side::either; }
};

}  // namespace aperto
