// SPDX-License-Identifier: MIT
//
// Any bytes as an answer of the name service about a service: it is read to its end or refused with an error, and whatever
// follows changes nothing of what was read.
#include "aperto/error.hpp"
#include "io/look_up.hpp"
#include "require.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace {

using namespace aperto;

std::optional<std::vector<service_record>> parse(std::span<const unsigned char> bytes) {
    try {
        return io::parse_services(bytes);
    } catch (const error&) {
        return std::nullopt;
    }
}

bool is_same(const service_record& one, const service_record& other) {
    return one.where.host == other.where.host && one.where.port == other.where.port &&
           one.priority == other.priority && one.weight == other.weight;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto records = parse({data, size});
    if (!records) return 0;
    // The smallest record has a name of one byte, ten bytes of its own, six of the service and a name again.
    fuzz::require(records->size() <= size / 18, "each record is of bytes that are there");
    std::vector<unsigned char> longer(data, data + size);
    longer.insert(longer.end(), 64, 0);
    const auto again = parse(longer);
    fuzz::require(
        again && std::equal(records->begin(), records->end(), again->begin(), again->end(), is_same),
        "what follows changes nothing");
    return 0;
}
