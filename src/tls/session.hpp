// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/transport.hpp"
#include "tls/core.hpp"
#include "tls/record_watch.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace aperto::tls {

/// TLS for one connection: an SSL of OpenSSL's that reads from the bytes at hand and writes to a string.
///
/// A server's has no SSL before the first byte has arrived: who connects and says nothing costs nothing.
class session final : public transport_session {
public:
    session(std::shared_ptr<core> of, std::string name);
    ~session() override;

    std::error_code begin(std::string& wire) override;
    std::error_code unseal(std::string_view arrived, std::string& plain, std::string& wire) override;
    std::error_code seal(std::string_view plain, std::string& wire) override;
    void finish(std::string& wire) override;

    bool is_open() const noexcept override { return open_; }
    bool has_ended() const noexcept override { return ended_; }
    std::string advice() const override { return advice_; }
    bool is_in_record() const noexcept override { return records_.is_in_record(); }
    std::size_t memory() const noexcept override;
    transport_facts facts() const override;

    /// Of an SSL.
    static session& of(const SSL* one) noexcept;
    core& shared() const noexcept { return *core_; }
    const loaded& files() const noexcept { return *files_; }
    const std::string& name() const noexcept { return name_; }

    // ---- for OpenSSL to call
    int read_arrived(char* into, int size) noexcept;
    int write_out(const char* data, int size) noexcept;
    /// It asked for new keys, or for a new handshake.
    void note_new_keys() noexcept;
    void note_refused(X509* certificate) noexcept;

private:
    class at_work;
    std::error_code make();
    std::error_code fail(int result);
    std::error_code fail_by(errc why);
    std::error_code watch_records(std::string_view arrived, std::string& wire);
    bool is_renegotiating() const noexcept;
    std::error_code shake_hands();
    std::error_code read_all(std::string& plain);

    std::shared_ptr<core> core_;
    std::shared_ptr<const loaded> files_;
    ssl_handle ssl_;
    certificate_handle refused_;  ///< what the other side showed, and is not good
    std::string name_;
    std::string advice_;
    std::string_view arrived_;
    std::string* wire_ = nullptr;
    std::uint64_t received_ = 0;
    std::uint64_t sealed_ = 0;      ///< plain bytes
    std::size_t heard_ = 0;         ///< bytes of the handshake
    std::size_t certificates_ = 0;  ///< that the peer has shown
    std::uint32_t new_keys_ = 0;
    record_watch records_;
    bool open_ = false;
    bool ended_ = false;
    bool failed_ = false;
    bool flooded_ = false;
    bool out_of_memory_ = false;
};

}  // namespace aperto::tls
