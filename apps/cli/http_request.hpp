// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace aperto::cli {

struct http_request {
    std::string method;  ///< "GET"
    std::string path;    ///< without what follows a '?'
    std::string host;    ///< empty: none
    std::string origin;
    std::string content_type;
    std::string body;
    bool accepts_openmetrics = false;
    bool keeps_alive = true;
    bool repeats = false;  ///< says its host, origin or type twice: nobody need understand it (RFC 9112, 3.2)
};

/// Reads HTTP/1 requests (RFC 9112) from a stream, by llhttp, the parser of Node.js. Of bounded memory: a request with more
/// than 16 KiB before its body, or with a larger body than is taken, is refused.
class http_reader {
public:
    /// `body_size_max`: bytes; 0: no body is taken.
    explicit http_reader(std::size_t body_size_max = 0);
    ~http_reader();
    http_reader(const http_reader&) = delete;
    http_reader& operator=(const http_reader&) = delete;

    /// False where the bytes are no requests, or too much of one: nothing more is taken then.
    bool feed(std::string_view bytes);
    /// The next whole request.
    std::optional<http_request> next();

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace aperto::cli
