// SPDX-License-Identifier: MIT
#include "io/look_up.hpp"

#include "aperto/backend.hpp"
#include "aperto/error.hpp"
#include "core/log_safe.hpp"

#include <netdb.h>

#include <algorithm>
#include <memory>

namespace aperto {
namespace {

[[noreturn]] void refuse(int answer, int system_error, const std::string& name) {
    constexpr std::string_view tried = "find the address of";
    const std::string whom = log_safe(name);
    switch (answer) {
    case EAI_SYSTEM:
        throw error::from_result(-system_error, tried, whom);
    case EAI_MEMORY:
        throw error::from_result(-ENOMEM, tried, whom);
    case EAI_AGAIN:
        throw error(errc::name_try_again, tried, whom,
                    "The name service does not answer. Is this machine connected?");
    default:
        throw error(errc::name_not_found, tried, whom, "Is the name spelt right? An address works too.");
    }
}

/// RFC 6761, 6.3: localhost names this machine. With the dot that ends an absolute name, no hosts file has
/// it.
bool is_absolute_localhost(std::string_view name) noexcept {
    constexpr std::string_view meant = "localhost.";
    return std::equal(name.begin(), name.end(), meant.begin(), meant.end(), [](char one, char other) {
        return one == other || (one >= 'A' && one <= 'Z' && one - 'A' + 'a' == other);
    });
}

}  // namespace

std::vector<endpoint> io::look_up(const std::string& name, std::uint16_t port, int family) {
    // getaddrinfo(3) takes a terminated string, and would look up what stands before the NUL.
    if (name.find('\0') != std::string::npos)
        throw error(errc::malformed, "find the address of", log_safe(name),
                    "No host's name has a NUL in it.");
    addrinfo hints{};
    static_assert(AF_UNSPEC == 0, "what the header has for none of them");
    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    // A name in UTF-8 is looked up in its ASCII form (RFC 5891).
    hints.ai_flags = AI_IDN;
    addrinfo* found = nullptr;
    const char* const asked = is_absolute_localhost(name) ? "localhost" : name.c_str();
    const int answer = getaddrinfo(asked, nullptr, &hints, &found);
    const int system_error = errno;
    if (answer != 0) refuse(answer, system_error, name);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
    std::vector<endpoint> addresses;
    for (const addrinfo* each = found; each; each = each->ai_next) {
        sockaddr_storage address{};
        std::copy_n(reinterpret_cast<const char*>(each->ai_addr),
                    std::min<std::size_t>(each->ai_addrlen, sizeof address),
                    reinterpret_cast<char*>(&address));
        endpoint here = endpoint::from_sockaddr(address);
        here.set_port(port);
        // A hosts file may name one address twice.
        if (here && std::find(addresses.begin(), addresses.end(), here) == addresses.end())
            addresses.push_back(here);
    }
    if (addresses.empty()) refuse(EAI_NONAME, 0, name);
    return addresses;
}

std::vector<endpoint> backend::look_up(const std::string& name, std::uint16_t port, int family) {
    return io::look_up(name, port, family);
}

}  // namespace aperto
