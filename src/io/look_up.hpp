// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace aperto::io {

/// What the system's resolver knows of `name`, see backend::look_up. Any thread; blocks. Throws `error`.
std::vector<endpoint> look_up(const std::string& name, std::uint16_t port, int family = 0);

}  // namespace aperto::io
