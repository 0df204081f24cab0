// SPDX-License-Identifier: MIT
//
// Any text as an address, and as a host and port: it is refused with a reason, or what was understood reads
// back the same from its own text and from the kernel's form.
#include "aperto/endpoint.hpp"
#include "aperto/error.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace aperto;

void check_refusal(const error& why) {
    fuzz::require(why.code() == errc::malformed, "a text is refused for its form");
    fuzz::require(!why.advice().empty(), "a refusal says why");
    for (const char byte : why.whom())
        fuzz::require(static_cast<unsigned char>(byte) >= ' ' && byte != 0x7F, "a refusal is safe to print");
}

void check_endpoint(std::string_view text) {
    try {
        const endpoint understood = endpoint::parse(text);
        fuzz::require(static_cast<bool>(understood), "what is understood is an address");
        fuzz::require(endpoint::parse(understood.to_string()) == understood, "it reads back from its text");
        sockaddr_storage kernel_form;
        understood.to_sockaddr(kernel_form);
        fuzz::require(endpoint::from_sockaddr(kernel_form) == understood, "it survives the kernel's form");
    } catch (const error& why) {
        check_refusal(why);
    }
}

void check_host(std::string_view text) {
    try {
        const host_port understood = host_port::parse(text, std::uint16_t{9999});
        fuzz::require(!understood.host.empty() && understood.host.size() <= 255, "a host has a name");
        fuzz::require(understood.host.find('\0') == std::string::npos, "a name has no end in its middle");
        const host_port again = host_port::parse(understood.to_string());
        fuzz::require(again.host == understood.host && again.port == understood.port,
                      "it reads back the same");
    } catch (const error& why) {
        check_refusal(why);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_endpoint(text);
    check_host(text);
    return 0;
}
