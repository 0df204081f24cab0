// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

/// Numbers as the reader's language writes them.
namespace aperto {

/// "65,495".
std::string number_text(std::uint64_t value);
/// "0.06": `value` with `places` digits after the decimal mark.
std::string decimal_text(double value, int places);
/// "0.001", "12.5", "40": as many digits after it as there are, six in all at most.
std::string decimal_text(double value);

}  // namespace aperto
