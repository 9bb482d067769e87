// Macros, variadic calls and flags of Linux that Swift cannot import.
#pragma once
#include "CRC32C.h"
#include "LinuxConfinement.h"
#include "LinuxFiles.h"
#include "LinuxThreads.h"
