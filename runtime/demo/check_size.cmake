# Prints the size of FILE and fails the build if it is above LIMIT bytes.
file(SIZE ${FILE} size)
message(STATUS "${FILE}: ${size} bytes")
if(size GREATER LIMIT)
  message(FATAL_ERROR "${FILE} has ${size} bytes, the limit is ${LIMIT}")
endif()
