# cmake -D BUILD_DIR= -D CONFIG= -D FIRST= -D MOVED= -P this: installs to FIRST, then renames it to
# MOVED, so that a path of FIRST kept anywhere leads nowhere.
file(REMOVE_RECURSE ${FIRST} ${MOVED})
unset(ENV{DESTDIR})
execute_process(
  COMMAND ${CMAKE_COMMAND} --install ${BUILD_DIR} --config ${CONFIG} --prefix ${FIRST}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${FIRST} ${MOVED})

foreach(file IN ITEMS
        bin/joulebench share/joulebench/suites/default.json share/joulebench/tables/wires.json
        share/joulebench/presets/crossbar/pcm-hermes.json share/doc/joulebench/copyright
        include/joulebench/backends/backend.h include/joulebench/harness/runner.h)
  if(NOT EXISTS ${MOVED}/${file})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()

# A path of this machine in a CMake file would make the package useless on another.
file(GLOB_RECURSE package_files ${MOVED}/*.cmake)
if(package_files STREQUAL "")
  message(FATAL_ERROR "no CMake package was installed")
endif()
foreach(file IN LISTS package_files)
  file(READ ${file} text)
  foreach(path IN ITEMS ${FIRST} ${BUILD_DIR})
    string(FIND "${text}" "${path}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} holds the path ${path}")
    endif()
  endforeach()
endforeach()
