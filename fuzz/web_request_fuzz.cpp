// SPDX-License-Identifier: MIT
//
// Any bytes as the head of a request to examples/web, and as a frame of its WebSocket: what is let pass is what the RFC lets
// pass, by rules that are told here again, and what is found in it lies within it.
#include "../examples/web/web.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace {

using namespace aperto;
using fuzz::require;

void check_let_pass(const web::request& asked) {
    const std::string_view head = asked.head;
    require(head.ends_with("\r\n\r\n") && head.find("\r\n\r\n") == head.size() - 4,
            "a head ends with its empty line");
    for (std::size_t at = 0; at < head.size(); ++at) {
        require(head[at] != '\0', "no NUL");
        require(head[at] != '\n' || head[at - 1] == '\r', "no LF without CR");
        require(head[at] != '\r' || head[at + 1] == '\n', "no CR without LF");
        require(head[at] != '\n' || at + 1 == head.size() || (head[at + 1] != ' ' && head[at + 1] != '\t'),
                "no line that goes on");
    }
    require(asked.fields.size() <= web::fields_max, "not too many fields");
    for (const auto& [name, value] : asked.fields) {
        require(web::is_token(name), "a name is a token");
        require(name.data() >= head.data() && name.data() + name.size() < head.data() + head.size(),
                "a name is of the head");
        require(value.find_first_of("\r\n") == std::string_view::npos, "a value is of one line");
    }
    require(asked.count("Host") <= 1 && (asked.minor == 0 || asked.count("Host") == 1), "one host");
    require(asked.count("Content-Length") <= 1, "one length");
    require(asked.count("Content-Length") + asked.count("Transfer-Encoding") <= 1, "one end of the body");
    require(asked.path == "*" || asked.path.starts_with('/'), "a path from the root");
}

void check_request(std::string_view bytes) {
    static const std::set<int> statuses{0, 400, 405, 413, 414, 417, 431, 501, 505};
    web::reader reading;
    const int status = reading.parse(bytes);
    require(statuses.count(status) == 1, "a status that is told of");
    if (status != 0) return;
    const web::request& asked = reading.now;
    check_let_pass(asked);
    if (const auto path = web::decode(asked.path)) {
        require(path->find('\0') == std::string::npos, "no NUL in a path");
        require(web::decode(web::encode(*path)) == path, "what is encoded is decoded");
    }
    const web::version has{"\"tag\"", 1'000'000'000, web::http_date(1'000'000'000)};
    const int judged = web::judge(asked, has);
    require(judged == 200 || judged == 304 || judged == 412, "whole, known or refused");
    for (const std::uint64_t size : {0ULL, 1ULL, 10ULL, ~0ULL >> 1}) {
        const auto part = web::part_of(asked, has, size);
        require(!part || part->size == 0 || (part->first < size && part->size <= size - part->first),
                "a part lies in the file");
    }
}

void check_frame(std::string_view bytes) {
    const frame found = web::find_frame(bytes, web::message_max, false);
    if (found.what == frame::state::incomplete) require(found.needed > bytes.size(), "it needs more");
    if (found.what != frame::state::complete) return;
    require(found.consumed <= bytes.size() && found.message.size() == found.consumed,
            "a frame takes what is there");
    const std::string payload = web::payload_of(found.message);
    require(payload.size() <= web::message_max && payload.size() + 6 <= found.consumed,
            "and its payload is in it");
    web::code_for(payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto head = web::head_size(bytes)) check_request(bytes.substr(0, *head));
    check_request(bytes);
    if (!bytes.empty()) check_frame(bytes);
    return 0;
}
