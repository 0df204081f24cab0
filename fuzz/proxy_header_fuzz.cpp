// SPDX-License-Identifier: MIT
//
// Any bytes as the header of the PROXY protocol: what is complete stays so whatever follows, no front of it is, what is
// incomplete is shorter than a header may be, and however it is cut nothing else is understood.
#include "net/proxy_header.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace aperto;
using state = proxy_header::state;

bool is_same(const proxy_facts& one, const proxy_facts& other) {
    return one.version == other.version && one.source == other.source && one.destination == other.destination;
}

void check_complete(std::string_view bytes, const proxy_header& header) {
    fuzz::require(header.size > 0 && header.size <= bytes.size(), "a header is of what was read");
    const proxy_header alone = read_proxy_header(bytes.substr(0, header.size));
    fuzz::require(alone.what == state::complete && alone.size == header.size, "what follows is not asked");
    fuzz::require(is_same(alone.facts, header.facts), "what follows changes nothing");
    const proxy_header followed = read_proxy_header(std::string(bytes) + "PROXY ");
    fuzz::require(followed.what == state::complete && followed.size == header.size, "what follows is left");
    for (std::size_t size = 0; size < header.size; ++size)
        fuzz::require(read_proxy_header(bytes.substr(0, size)).what == state::incomplete,
                      "a front is not whole");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const proxy_header header = read_proxy_header(bytes);
    switch (header.what) {
    case state::complete:
        check_complete(bytes, header);
        break;
    case state::incomplete:
        fuzz::require(size < proxy_header_max, "a header has an end");
        break;
    case state::malformed:
        fuzz::require(read_proxy_header(std::string(bytes) + "\r\n").what == state::malformed,
                      "what is broken stays so");
        break;
    }
    return 0;
}
