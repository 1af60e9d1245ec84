# cmake -D PREFIX= -D WORK= -P this: runs the installed program from folders that are not its own.
unset(ENV{JOULEBENCH_DATA_DIR})
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})

# joulebench(PROGRAM FOLDER OUTPUT-VARIABLE ARGUMENTS...)
function(joulebench program folder output)
  execute_process(COMMAND ${program} ${ARGN} WORKING_DIRECTORY ${folder}
                  OUTPUT_VARIABLE text ERROR_VARIABLE complaint RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "joulebench ${ARGN}: exit ${code}\n${text}${complaint}")
  endif()
  set(${output} "${text}" PARENT_SCOPE)
endfunction()

function(expect text pattern)
  if(NOT text MATCHES "${pattern}")
    message(FATAL_ERROR "expected ${pattern} in:\n${text}")
  endif()
endfunction()

# Files that exist in the installed tree only prove that presets, tables and suites come from there
# and not from the source tree that the program was built from.
set(data ${PREFIX}/share/joulebench)
file(COPY_FILE ${data}/presets/crossbar/pcm-hermes.json ${data}/presets/crossbar/only-installed.json)
file(COPY_FILE ${data}/suites/gate.json ${data}/suites/only-installed.json)

joulebench(${PREFIX}/bin/joulebench / text list backends --json)
expect("${text}" "only-installed")
joulebench(${PREFIX}/bin/joulebench / text list suites --json)
expect("${text}" "only-installed")

# A device whose prices stand in the tables, and the device that exists here only.
joulebench(${PREFIX}/bin/joulebench ${WORK} text
           run --backend systolic --device tpu-v1 --gemm 8,16,32 -o ${WORK}/run --json)
expect("${text}" "\"status\":\"ok\"")
expect("${text}" "\"energy_B[0-3]_J_per_mac\"")
joulebench(${PREFIX}/bin/joulebench ${WORK} text validate ${WORK}/run)
joulebench(${PREFIX}/bin/joulebench ${WORK} text
           estimate --backend crossbar --device only-installed --gemm 8,16,32 --json)
expect("${text}" "\"energy_B[0-3]_J_per_mac\"")

# Through a link in another folder, as users put programs into their path.
file(CREATE_LINK ${PREFIX}/bin/joulebench ${WORK}/link SYMBOLIC)
joulebench(${WORK}/link ${WORK} text list backends --json)
expect("${text}" "only-installed")
