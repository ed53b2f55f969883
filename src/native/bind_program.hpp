// The binding of Program, beside module.cpp the only file that knows Python.
#pragma once

#include <nanobind/nanobind.h>

void bind_program(nanobind::module_& m);
