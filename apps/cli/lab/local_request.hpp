// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace aperto::cli {

/// A request of HTTP/1 (RFC 9112) to a page's own server.
struct local_request {
    std::string method;  ///< "GET"
    std::string path;    ///< without what follows a '?'
    std::string host;    ///< empty: none
    std::string origin;
    std::string content_type;
    std::string body;
};

/// Reads the one request of a connection, by llhttp, the parser of Node.js. Of bounded memory.
class local_request_reader {
public:
    static constexpr std::size_t head_size_max = std::size_t{16} * 1024;
    static constexpr std::size_t body_size_max = std::size_t{256} * 1024;

    local_request_reader();
    ~local_request_reader();
    local_request_reader(const local_request_reader&) = delete;
    local_request_reader& operator=(const local_request_reader&) = delete;

    /// False where the bytes are no request, or too much of one.
    bool feed(std::string_view bytes);
    /// Once it is whole.
    const std::optional<local_request>& request() const noexcept;

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace aperto::cli
