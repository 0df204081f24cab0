// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace aperto::io {

/// What the system's resolver knows of `name`, see backend::look_up. Any thread; blocks. Throws `error`.
std::vector<endpoint> look_up(const std::string& name, std::uint16_t port, int family = 0);
/// The same of a service, see backend::look_up_service.
std::vector<service_record> look_up_service(const std::string& name);
/// The SRV records in an answer of the name service (RFC 1035, 4). Throws `error` where it is broken.
std::vector<service_record> parse_services(std::span<const unsigned char> answer);

}  // namespace aperto::io
