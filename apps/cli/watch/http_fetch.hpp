// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "aperto/endpoint.hpp"

#include <chrono>
#include <string>

namespace aperto::cli {

/// One GET over a connection of its own, which never blocks: whoever has it goes on with it whenever its descriptor is
/// ready, and now and then.
class http_fetch {
public:
    /// The most that an answer may be: a hundred thousand connections.
    static constexpr std::size_t size_max = std::size_t{256} * 1024 * 1024;

    void begin(const endpoint& where, const std::string& path, std::chrono::milliseconds limit);
    int socket() const noexcept { return socket_.get(); }
    short events() const noexcept;
    /// True: it is over.
    bool go_on();
    void give_up() noexcept { socket_.close(); }

    /// 0: no answer by HTTP, and `trouble` says why, translated.
    int status() const noexcept { return status_; }
    const std::string& trouble() const noexcept { return trouble_; }
    /// Of the answer; empty where there is none.
    const std::string& body() const noexcept { return answer_; }

private:
    bool fail(const std::string& why);
    bool send_request();
    bool finish();

    aperto::descriptor socket_;
    std::string request_;
    std::string answer_;
    std::string trouble_;
    std::chrono::steady_clock::time_point deadline_{};
    int status_ = 0;
};

}  // namespace aperto::cli
