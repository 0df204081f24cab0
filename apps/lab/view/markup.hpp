// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace aperto::lab {

/// `text` for the inside of an XML or HTML element or of a quoted attribute: & < > and " as entities.
std::string for_markup(std::string_view text);

}  // namespace aperto::lab
