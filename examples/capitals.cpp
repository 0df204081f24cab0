// SPDX-License-Identifier: MIT
#include <aperto/aperto.hpp>

int main() {
    return aperto::serve(9999, [](std::string_view message) { return aperto::to_upper(message); });
}
