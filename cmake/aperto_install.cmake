# SPDX-License-Identifier: MIT
include(CMakePackageConfigHelpers)
